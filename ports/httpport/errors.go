package httpport

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/reading"
	"github.com/tenon-go/tenon/domain"
)

// Malformed returns an error that is answered with 400: what is at location (header.If-Match) can't be read. given may be empty.
func Malformed(location, given, reason string) error {
	return problem(kindMalformed, reason, fault(location, given, reason))
}

func fault(location, given, reason string) Fault {
	f := Fault{Location: location, Message: reason}
	if text, err := strconv.Unquote(given); err == nil { // quoted for the text of an error
		given = text
	}
	if given != "" {
		f.Value = shorten(given)
	}
	return f
}

// problemOf is the table from errors to answers. place is where fields are that an error names without saying where: body or
// query. What a client can't mend is told in general words; its text goes to the log.
func problemOf(ctx context.Context, err error, place string) *Problem {
	var known *Problem
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, eventlog.ErrOutcomeUnknown):
		return problem(kindUnknownOutcome, "the command may have been carried out or not")
	case errors.Is(err, domain.ErrInvalid):
		return problem(kindInvalid, "values are missing or outside what is allowed", faults(err, place, nil)...)
	case errors.Is(err, domain.ErrNotFound):
		return problem(kindNotFound, innermost(err, domain.ErrNotFound))
	case errors.Is(err, application.ErrPrecondition):
		return problem(kindPrecondition, innermost(err, application.ErrPrecondition))
	case errors.Is(err, domain.ErrConflict):
		return problem(kindConflict, innermost(err, domain.ErrConflict))
	case errors.Is(err, domain.ErrRule):
		return problem(kindRule, innermost(err, domain.ErrRule))
	case errors.Is(err, reading.ErrBehind):
		return problem(kindBehind, innermost(err, reading.ErrBehind))
	case errors.Is(err, eventlog.ErrUnavailable):
		return problem(kindUnavailable, "something that this service needs can't be reached")
	case errors.Is(err, eventlog.ErrTransient):
		return problem(kindUnavailable, "given up for the sake of other requests")
	case errors.Is(err, context.DeadlineExceeded):
		return problem(kindTimeout, "not finished in the time that a request is given")
	case errors.Is(err, context.Canceled) && errors.Is(context.Cause(ctx), errStopping):
		return problem(kindUnavailable, "the service stops")
	}
	return problem(kindInternal, inLog)
}

// gone reports whether err is there because the client went away: nobody is left to answer.
func gone(ctx context.Context, err error) bool {
	return errors.Is(err, context.Canceled) && ctx.Err() != nil && !errors.Is(context.Cause(ctx), errStopping)
}

// faults returns a fault for each *domain.InvalidError in err's tree.
func faults(err error, place string, found []Fault) []Fault {
	if invalid, ok := err.(*domain.InvalidError); ok { //nolint:errorlint // the tree is walked here
		return append(found, fault(located(invalid.Field, place), invalid.Given, invalid.Reason))
	}
	switch e := err.(type) { //nolint:errorlint // the tree is walked here
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != domain.ErrInvalid { //nolint:errorlint // the sentinel itself says nothing
			return faults(inner, place, found)
		}
		found = append(found, Fault{Location: place, Message: err.Error()})
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			found = faults(one, place, found)
		}
	default:
		if errors.Is(err, domain.ErrInvalid) {
			found = append(found, Fault{Location: place, Message: err.Error()})
		}
	}
	return found
}

// located returns a field's name with the part of the request that it is in, unless it begins with one.
func located(field, place string) string {
	first, _, _ := strings.Cut(field, ".")
	switch first {
	case "path", "query", "header", "body":
		return field
	case "":
		return place
	}
	return place + "." + field
}

// innermost returns the text of the error in err's chain that is nearest to the cause and still says what happened: what was
// wrapped around it speaks of the service's inside.
func innermost(err, sentinel error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil || inner == sentinel || !errors.Is(inner, sentinel) { //nolint:errorlint // the sentinel itself
			return err.Error()
		}
		err = inner
	}
}

// notModified answers 304.
type notModified struct{ version domain.Version }

// NotModified returns what a handler returns instead of a body when [IfNoneMatch] reported true.
func NotModified(v domain.Version) error { return &notModified{v} }

// Error says what it is.
func (n *notModified) Error() string {
	return "not modified since version " + strconv.FormatInt(int64(n.version), 10)
}

// GetStatus returns 304.
func (n *notModified) GetStatus() int { return http.StatusNotModified }

// GetHeaders returns the entity tag.
func (n *notModified) GetHeaders() http.Header { return http.Header{"Etag": {ETag(n.version)}} }
