package httpport

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenon-go/tenon/application"
)

const (
	problemType = "application/problem+json"
	maxFaults   = 50 // of one answer: a body of a megabyte can have a great many
	maxShown    = 100

	inLog = "the service's log has the cause under the correlation id"
)

// Problem is an answer that reports an error: problem details of RFC 9457 with two members more. It is an error, so that
// handlers can return one.
type Problem struct {
	_ struct{} `additionalProperties:"true"` // in the schema: clients must expect members to come

	Type          string  `json:"type" format:"uri-reference" doc:"Kind of the problem, stable: decide by it. Leads to its description." example:"/problems/validation"`
	Title         string  `json:"title" doc:"The kind in words, the same for every occurrence." example:"Invalid values"`
	Status        int     `json:"status" doc:"HTTP status code." example:"422"`
	Detail        string  `json:"detail,omitempty" doc:"What happened this time."`
	Errors        []Fault `json:"errors,omitempty" nullable:"false" doc:"What is wrong with the request, place by place."`
	CorrelationID string  `json:"correlationId,omitempty" doc:"The id under which the service's logs have more."`

	header http.Header
}

// Fault is one thing that is wrong with a request.
type Fault struct {
	_ struct{} `additionalProperties:"true"`

	Location string `json:"location,omitempty" doc:"Where: path, query, header or body, then the name." example:"body.items[0].quantity"`
	Message  string `json:"message" doc:"What is allowed." example:"must be at least 1"`
	Value    any    `json:"value,omitempty" doc:"What was given, shortened."`
}

var (
	_ huma.StatusError       = (*Problem)(nil)
	_ huma.HeadersError      = (*Problem)(nil)
	_ huma.ContentTypeFilter = (*Problem)(nil)
)

// problem returns a new problem of kind id.
func problem(id kindID, detail string, faults ...Fault) *Problem {
	k := kinds()[id]
	p := &Problem{Type: k.uri(), Title: k.title, Status: k.status, Detail: detail, Errors: faults, header: http.Header{}}
	if k.retryAfter != "" {
		p.header.Set("Retry-After", k.retryAfter)
	}
	slices.SortStableFunc(p.Errors, func(a, b Fault) int { return strings.Compare(a.Location, b.Location) })
	if n := len(p.Errors); n > maxFaults {
		p.Errors = p.Errors[:maxFaults]
		p.Detail += ": the first " + strconv.Itoa(maxFaults) + " of " + strconv.Itoa(n) + " errors"
	}
	return p
}

// Error returns title and detail.
func (p *Problem) Error() string { return p.Title + ": " + p.Detail }

// GetStatus returns the status to answer with.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders returns the headers to answer with.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType returns the media type of problem details.
func (p *Problem) ContentType(string) string { return problemType }

// write answers with p.
func write(w http.ResponseWriter, r *http.Request, p *Problem) {
	h := w.Header()
	maps.Copy(h, p.header)
	h.Set("Content-Type", problemType)
	answer := *p
	answer.CorrelationID = application.MetadataFrom(r.Context()).CorrelationID
	body, err := json.Marshal(&answer)
	if err != nil { // a value of a Fault that JSON doesn't have; shown makes none
		body = []byte(`{"type":"about:blank","status":` + strconv.Itoa(p.Status) + `}`)
	}
	w.WriteHeader(p.Status)
	if _, err = w.Write(append(body, '\n')); err != nil {
		note(r.Context(), err)
	}
}

// shown returns v in the form that a [Fault] shows: single values, long ones shortened. Objects and lists are left out: the
// location says where to look.
func shown(v any) any {
	switch v := v.(type) {
	case string:
		return shorten(v)
	case bool, float64, int64, int, uint64:
		return v
	}
	return nil
}

// shorten returns the beginning of s.
func shorten(s string) string {
	if utf8.RuneCountInString(s) <= maxShown {
		return s
	}
	n := 0
	for i := range s {
		if n++; n > maxShown {
			return s[:i] + "..."
		}
	}
	return s
}
