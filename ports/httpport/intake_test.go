package httpport_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenon-go/tenon/ports/httpport"
)

type thing struct {
	Name  string   `json:"name" minLength:"1"`
	Count int      `json:"count,omitempty" minimum:"1"`
	Tags  []string `json:"tags,omitempty" nullable:"false"`
}

type thingInput struct {
	ID      string `path:"id"`
	Colour  string `query:"colour" enum:"red,green"`
	IfMatch string `header:"If-Match"`
	Body    thing
}

type thingOutput struct {
	Match string `header:"X-Match"`
	Body  thing
}

// echoing adds PUT /things/{id}, which answers what it was sent.
func echoing(api huma.API) {
	httpport.Handle(api, huma.Operation{OperationID: "echo", Method: http.MethodPut, Path: "/things/{id}"},
		func(_ context.Context, in *thingInput) (*thingOutput, error) {
			return &thingOutput{Match: in.IfMatch, Body: in.Body}, nil
		})
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	s := newService(t, httpport.Config{BodyLimit: 10_000}, echoing)
	good := `{"name":"a"}`
	tests := map[string]struct {
		path, body string
		headers    []string
		status     int
		name       string
		location   string // of the only fault
		message    string // a part of it
	}{
		"empty body":           {body: "", headers: []string{"Content-Type", "application/json"}, status: 400, name: "malformed", location: "body", message: "must be JSON"},
		"not JSON":             {body: "{name:a}", status: 400, name: "malformed", location: "body", message: "invalid character"},
		"cut off":              {body: `{"name":"a`, status: 400, name: "malformed", location: "body", message: "unexpected end"},
		"trailing data":        {body: good + "{}", status: 400, name: "malformed", location: "body", message: "after top-level value"},
		"field twice":          {body: `{"name":"a","name":"b"}`, status: 400, name: "malformed", location: "body.name", message: "must be given once"},
		"field twice, escaped": {body: `{"name":"a","n\u0061me":"b"}`, status: 400, name: "malformed", location: "body.name", message: "must be given once"},
		"deep":                 {body: strings.Repeat("[", 40) + strings.Repeat("]", 40), status: 400, name: "malformed", location: "body", message: "deeper than 32"},
		"broken UTF-8":         {body: "{\"name\":\"\xff\"}", status: 400, name: "malformed", location: "body", message: "must be UTF-8"},
		"NUL":                  {body: `{"name":"a\u0000"}`, status: 422, name: "validation", location: "body.name", message: "without NUL"},
		"NUL in a list":        {body: `{"name":"a","tags":["","\u0000"]}`, status: 422, name: "validation", location: "body.tags[1]", message: "without NUL"},
		"missing field":        {body: `{}`, status: 422, name: "validation", location: "body", message: "property name"},
		"unknown field":        {body: `{"name":"a","nom":1}`, status: 422, name: "validation", location: "body.nom", message: "unexpected"},
		"field in other case":  {body: `{"name":"a","Count":1}`, status: 422, name: "validation", location: "body.Count", message: "unexpected"},
		"wrong type":           {body: `{"name":1}`, status: 422, name: "validation", location: "body.name", message: "string"},
		"null":                 {body: `{"name":null}`, status: 422, name: "validation", location: "body.name", message: "string"},
		"not an object":        {body: `[]`, status: 422, name: "validation", location: "body", message: "object"},
		"number out of range":  {body: `{"name":"a","count":1e999}`, status: 422, name: "validation", location: "body", message: "count must not be number 1e999"},
		"below the minimum":    {body: `{"name":"a","count":0}`, status: 422, name: "validation", location: "body.count", message: ">= 1"},

		"no content type":         {body: good, headers: []string{"Content-Type", ""}, status: 415, name: "media-type", location: "header.Content-Type", message: "application/json"},
		"wrong content type":      {body: good, headers: []string{"Content-Type", "text/json"}, status: 415, name: "media-type", location: "header.Content-Type", message: "application/json"},
		"form":                    {body: good, headers: []string{"Content-Type", "application/x-www-form-urlencoded"}, status: 415, name: "media-type", location: "header.Content-Type", message: "application/json"},
		"content type by suffix":  {body: good, headers: []string{"Content-Type", "application/x+json"}, status: 415, name: "media-type", location: "header.Content-Type", message: "application/json"},
		"unreadable content type": {body: good, headers: []string{"Content-Type", "application/json; ="}, status: 415, name: "media-type", location: "header.Content-Type", message: "application/json"},
		"other charset":           {body: good, headers: []string{"Content-Type", "application/json; charset=latin1"}, status: 415, name: "media-type", location: "header.Content-Type", message: "UTF-8"},
		"compressed":              {body: good, headers: []string{"Content-Encoding", "gzip"}, status: 415, name: "media-type", location: "header.Content-Encoding", message: "left out"},

		"unknown query":      {path: "/things/1?color=red", body: good, status: 422, name: "validation", location: "query.color", message: "unknown"},
		"wrong query":        {path: "/things/1?colour=blue", body: good, status: 422, name: "validation", location: "query.colour", message: "red, green"},
		"query twice":        {path: "/things/1?colour=red&colour=red", body: good, status: 422, name: "validation", location: "query.colour", message: "once"},
		"empty query":        {path: "/things/1?colour=", body: good, status: 422, name: "validation", location: "query.colour", message: "not be empty"},
		"query without sign": {path: "/things/1?colour", body: good, status: 422, name: "validation", location: "query.colour", message: "not be empty"},
		"NUL in query":       {path: "/things/1?colour=%00", body: good, status: 422, name: "validation", location: "query.colour", message: "NUL"},
		"unreadable query":   {path: "/things/1?colour=%zz", body: good, status: 400, name: "malformed", location: "query", message: "%zz"},
		"NUL in path":        {path: "/things/%00", body: good, status: 400, name: "malformed", location: "path", message: "NUL"},
		"broken path":        {path: "/things/%ff", body: good, status: 400, name: "malformed", location: "path", message: "UTF-8"},
		"empty If-Match":     {body: good, headers: []string{"If-Match", " "}, status: 400, name: "malformed", location: "header.If-Match", message: "quotes"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := tt.path
			if path == "" {
				path = "/things/1"
			}
			p := s.send(http.MethodPut, path, tt.body, tt.headers...).problem(t, tt.status, tt.name)
			if len(p.Errors) != 1 || p.Errors[0].Location != tt.location || !strings.Contains(p.Errors[0].Message, tt.message) {
				t.Errorf("faults %+v, want one at %s that says %q", p.Errors, tt.location, tt.message)
			}
		})
	}
}

func TestGoodRequests(t *testing.T) {
	t.Parallel()
	s := newService(t, httpport.Config{}, echoing)
	for _, media := range []string{"application/json", "Application/JSON; charset=UTF-8", "application/json;charset=utf-8"} {
		if a := s.send(http.MethodPut, "/things/1?colour=red", ` {"name":"é\u00e9"} `, "Content-Type", media); a.status != 200 || a.body != "{\"name\":\"éé\"}\n" {
			t.Errorf("%s: answered %d %s", media, a.status, a.body)
		}
	}
	if a := s.send(http.MethodPut, "/things/%C3%A9", `{"name":"a"}`, "Content-Encoding", "identity"); a.status != 200 {
		t.Errorf("identity: answered %d %s", a.status, a.body)
	}
}

func TestConditionsInSeveralLinesAreOne(t *testing.T) {
	t.Parallel()
	s := newService(t, httpport.Config{}, echoing)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.url+"/things/1", strings.NewReader(`{"name":"a"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Content-Type": {"application/json"}, "If-Match": {`"1"`, `"2"`}}
	if a := s.do(r); a.header.Get("X-Match") != `"1", "2"` {
		t.Errorf("the handler saw %q", a.header.Get("X-Match"))
	}
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	const limit = 1000
	s := newService(t, httpport.Config{BodyLimit: limit}, echoing)
	body := func(size int) string { return `{"name":"` + strings.Repeat("x", size-len(`{"name":""}`)) + `"}` }
	if a := s.send(http.MethodPut, "/things/1", body(limit)); a.status != 200 {
		t.Errorf("a body of the limit: answered %d %s", a.status, a.body)
	}
	s.send(http.MethodPut, "/things/1", body(limit+1)).problem(t, 413, "too-large")

	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.url+"/things/1", io.MultiReader(strings.NewReader(body(limit+1)))) // length unknown
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	s.do(r).problem(t, 413, "too-large")
}

// raw sends text over a connection of its own and returns the answer.
func (s *service) raw(text string, after func(net.Conn)) string {
	s.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	if _, err = io.WriteString(c, text); err != nil {
		s.t.Fatal(err)
	}
	if after != nil {
		after(c)
	}
	content, err := io.ReadAll(c)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(content)
}

const halfBody = "PUT /things/1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"name\""

func TestSlowBodyIsGivenUp(t *testing.T) {
	t.Parallel()
	s := newService(t, httpport.Config{ReadTimeout: 50 * time.Millisecond}, echoing)
	if got := s.raw(halfBody, nil); !strings.HasPrefix(got, "HTTP/1.1 408 ") || !strings.Contains(got, "/problems/request-timeout") {
		t.Errorf("answered %s", got)
	}
}

func TestBodyThatBreaksOff(t *testing.T) {
	t.Parallel()
	s := newService(t, httpport.Config{}, echoing)
	got := s.raw(halfBody, func(c net.Conn) { _ = c.(*net.TCPConn).CloseWrite() })
	if !strings.HasPrefix(got, "HTTP/1.1 400 ") || !strings.Contains(got, "breaks off") {
		t.Errorf("answered %s", got)
	}
}

// TestSlowHandlerKeepsContext is for the deadline of the body: left on the connection, it would end the context of a handler
// that takes longer.
func TestSlowHandlerKeepsContext(t *testing.T) {
	t.Parallel()
	const timeout = 20 * time.Millisecond
	s := newService(t, httpport.Config{ReadTimeout: timeout}, func(api huma.API) {
		httpport.Handle(api, huma.Operation{OperationID: "slow", Method: http.MethodPut, Path: "/slow/{id}"},
			func(ctx context.Context, in *thingInput) (*thingOutput, error) {
				select {
				case <-ctx.Done():
					return nil, ctx.Err()
				case <-time.After(10 * timeout):
					return &thingOutput{Body: in.Body}, nil
				}
			})
	})
	if got := s.raw("PUT /slow/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{\"name\":\"a\"}", nil); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Errorf("answered %s", got)
	}
}
