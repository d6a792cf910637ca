package httpport_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/reading"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/ports/httpport"
)

type ruleError struct{}

func (ruleError) Error() string        { return "thing is closed" }
func (ruleError) Is(target error) bool { return target == domain.ErrRule }

// secret stands in errors whose text must not leave the service.
const secret = "password=xyzzy"

func TestErrorTable(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err    error
		status int
		name   string
		detail string // a part of it
		retry  bool
	}{
		"invalid":         {&domain.InvalidError{Field: "a", Reason: "must be b"}, 422, "validation", "values", false},
		"not found":       {&domain.NotFoundError{Type: "thing", ID: "7"}, 404, "not-found", "thing 7 not found", false},
		"rule":            {ruleError{}, 409, "rule", "thing is closed", false},
		"rule, sentinel":  {fmt.Errorf("thing is shut: %w", domain.ErrRule), 409, "rule", "thing is shut", false},
		"conflict":        {&domain.ConflictError{Type: "thing", ID: "7", Expected: 1, Actual: 2}, 409, "conflict", "at version 2, not 1", true},
		"precondition":    {&application.PreconditionError{Type: "thing", ID: "7", Expected: 1, Actual: 2}, 412, "precondition-failed", "at version 2", false},
		"unavailable":     {fmt.Errorf("%s: %w", secret, eventlog.ErrUnavailable), 503, "unavailable", "can't be reached", true},
		"transient":       {fmt.Errorf("%s: %w", secret, eventlog.ErrTransient), 503, "unavailable", "for the sake of", true},
		"unknown outcome": {fmt.Errorf("%s: %w", secret, eventlog.ErrOutcomeUnknown), 503, "outcome-unknown", "may have been carried out", true},
		"outcome unknown at the deadline": {
			errors.Join(context.DeadlineExceeded, eventlog.ErrOutcomeUnknown), 503, "outcome-unknown", "may have been", true,
		},
		"behind": {
			fmt.Errorf("%s: %w", secret, &reading.BehindError{Projection: "list", Lacks: []reading.Lack{{Type: "thing", ID: "7", Version: 2}}}),
			504, "behind", "read model list has not reached version 2 of thing 7 yet, it is at 0", true,
		},
		"deadline":          {fmt.Errorf("%s: %w", secret, context.DeadlineExceeded), 504, "timeout", "not finished", true},
		"cancelled inside":  {fmt.Errorf("%s: %w", secret, context.Canceled), 500, "internal", "log has the cause", false},
		"unknown":           {errors.New(secret), 500, "internal", "log has the cause", false},
		"malformed":         {httpport.Malformed("header.X", "??", "must be !!"), 400, "malformed", "must be !!", false},
		"malformed wrapped": {fmt.Errorf("x: %w", httpport.Malformed("header.X", "??", "must be !!")), 400, "malformed", "must be !!", false},
		"huma's own":        {huma.Error403Forbidden("not you"), 403, "", "not you", false},
		"huma's 5xx":        {huma.Error502BadGateway(secret), 502, "", "log has the cause", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, httpport.Config{}, answering(func(context.Context) error { return fmt.Errorf("load thing: %w", tt.err) }))
			a := s.send(http.MethodGet, "/thing", "")
			p := a.problem(t, tt.status, tt.name)
			if !strings.Contains(p.Detail, tt.detail) || strings.Contains(a.body, "load thing") || strings.Contains(a.body, secret) {
				t.Errorf("detail %q, want it to hold %q and nothing from inside", p.Detail, tt.detail)
			}
			if got := a.header.Get("Retry-After") != ""; got != tt.retry {
				t.Errorf("Retry-After given: %v, want %v", got, tt.retry)
			}
			withheld := strings.Contains(tt.err.Error(), secret)
			if logged := strings.Contains(s.logs.String(), secret); logged != withheld {
				t.Errorf("cause logged: %v, want %v", logged, withheld)
			}
		})
	}
}

func TestInvalidErrorsAreListed(t *testing.T) {
	t.Parallel()
	s := newService(t, httpport.Config{}, answering(func(context.Context) error {
		return fmt.Errorf("place: %w", errors.Join(
			&domain.InvalidError{Field: "items[0].quantity", Given: "0", Reason: "must be 1 to 10"},
			fmt.Errorf("also: %w", &domain.InvalidError{Field: "path.id", Given: `"x\ny"`, Reason: "must be a UUID"}),
			fmt.Errorf("colour must be red: %w", domain.ErrInvalid)))
	}))
	p := s.send(http.MethodGet, "/thing", "").problem(t, 422, "validation")
	want := []httpport.Fault{
		{Location: "path.id", Message: "must be a UUID", Value: "x\ny"},
		{Location: "query", Message: "colour must be red: invalid"},
		{Location: "query.items[0].quantity", Message: "must be 1 to 10", Value: "0"},
	}
	if diff := cmp.Diff(want, p.Errors); diff != "" {
		t.Error(diff)
	}
}

func TestManyFaultsAreCut(t *testing.T) {
	t.Parallel()
	s := newService(t, httpport.Config{}, answering(func(context.Context) error {
		var all []error
		for i := range 200 {
			all = append(all, &domain.InvalidError{Field: fmt.Sprintf("a[%03d]", i), Given: strings.Repeat("ä", 5000), Reason: "must be shorter"})
		}
		return errors.Join(all...)
	}))
	a := s.send(http.MethodGet, "/thing", "")
	p := a.problem(t, 422, "validation")
	if len(p.Errors) != 50 || !strings.Contains(p.Detail, "first 50 of 200") || len(a.body) > 20_000 {
		t.Errorf("%d errors in %d bytes: %s", len(p.Errors), len(a.body), p.Detail)
	}
}

func TestRouterAnswersProblems(t *testing.T) {
	t.Parallel()
	s := newService(t, httpport.Config{}, answering(func(context.Context) error { return nil }))
	s.send(http.MethodGet, "/nowhere", "").problem(t, 404, "no-route")
	s.send(http.MethodGet, "/thing/", "").problem(t, 404, "no-route")
	for _, method := range []string{http.MethodPut, http.MethodOptions, "BREW"} {
		a := s.send(method, "/thing", "")
		a.problem(t, 405, "method-not-allowed")
		if got := a.header.Get("Allow"); got != "GET, HEAD" {
			t.Errorf("%s: Allow is %q", method, got)
		}
	}
	if a := s.send(http.MethodHead, "/thing", ""); a.status != 200 || a.body != "" {
		t.Errorf("HEAD answered %d %q", a.status, a.body)
	}
}

func TestEveryProblemTypeIsDescribed(t *testing.T) {
	t.Parallel()
	s := newService(t, httpport.Config{}, nil)
	all := s.send(http.MethodGet, "/problems", "").body
	count := 0
	for line := range strings.SplitSeq(all, "\n") {
		if !strings.HasPrefix(line, "/problems/") {
			continue
		}
		count++
		if a := s.send(http.MethodGet, line, ""); a.status != 200 || !strings.HasPrefix(a.body, line) || !strings.Contains(all, a.body) {
			t.Errorf("%s answered %d %q", line, a.status, a.body)
		}
	}
	if count != 17 {
		t.Errorf("%d types are listed; a type is part of the API and never goes", count)
	}
	s.send(http.MethodGet, "/problems/none", "").problem(t, 404, "no-route")
}
