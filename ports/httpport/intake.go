package httpport

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
)

// adapter stands between router and Huma: it reads a request's parts strictly, where Huma would guess, take the first of
// several, or answer 500.
type adapter struct {
	huma.Adapter
	limit   int64
	timeout time.Duration
}

// Handle adds an operation behind the checks.
func (a *adapter) Handle(op *huma.Operation, h func(huma.Context)) {
	// The body is here before Huma looks for it. Its own deadline would stay on the connection and, through net/http's watch
	// for clients that go away, end the request's context.
	op.MaxBodyBytes, op.BodyReadTimeout = -1, -1
	a.Adapter.Handle(op, func(ctx huma.Context) {
		r, w := humachi.Unwrap(ctx)
		p := checkAddress(r)
		if p == nil {
			p = joinLists(r)
		}
		if p == nil && op.RequestBody != nil {
			p = a.readBody(w, r, op.RequestBody)
		}
		if p != nil {
			write(w, r, p)
			return
		}
		h(ctx)
	})
}

// checkAddress refuses query strings that can't be read or leave open what is meant, and text that no store takes.
func checkAddress(r *http.Request) *Problem {
	if !isText(r.URL.Path) {
		return problem(kindMalformed, "the path can't be read", fault("path", "", notText))
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return problem(kindMalformed, "the query string can't be read", fault("query", r.URL.RawQuery, err.Error()))
	}
	var found []Fault
	for name, values := range query {
		switch {
		case len(values) > 1:
			found = append(found, fault("query."+name, "", fmt.Sprintf("must be given once, not %d times", len(values))))
		case values[0] == "":
			found = append(found, fault("query."+name, "", "must not be empty: leave it out or give a value"))
		case !isText(name) || !isText(values[0]):
			found = append(found, fault("query."+name, "", notText))
		}
	}
	if len(found) > 0 {
		return problem(kindInvalid, "the query string is not what this operation takes", found...)
	}
	return nil
}

const notText = "must be UTF-8 without NUL"

// isText reports whether s is text to every part of the service: a database refuses the rest.
func isText(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// joinLists makes one line of each header that is a list, which may come in several, and refuses empty ones: whoever sends one
// means to demand something. Preferences are no demands.
func joinLists(r *http.Request) *Problem {
	for _, list := range []struct{ name, form string }{
		{"If-Match", conditionForm}, {"If-None-Match", conditionForm}, {TokenHeader, tokenForm}, {"Prefer", ""},
	} {
		lines := r.Header.Values(list.name)
		if len(lines) == 0 {
			continue
		}
		joined := strings.TrimSpace(strings.Join(lines, ", "))
		if joined == "" && list.form != "" {
			return problem(kindMalformed, "a header is empty", fault("header."+list.name, "", list.form))
		}
		r.Header.Set(list.name, joined)
	}
	return nil
}

// readBody reads the whole body within its limits and puts it back.
func (a *adapter) readBody(w http.ResponseWriter, r *http.Request, declared *huma.RequestBody) *Problem {
	if r.ContentLength > a.limit {
		w.Header().Set("Connection", "close") // what is still to come isn't worth reading
		return a.tooLarge()
	}
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Now().Add(a.timeout)) // not every server has deadlines
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, a.limit))
	if err == nil { // else the deadline stays, for net/http reads on a little before it gives up
		_ = rc.SetReadDeadline(time.Time{})
	}
	var timeout net.Error
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return a.tooLarge()
	case errors.As(err, &timeout) && timeout.Timeout():
		w.Header().Set("Connection", "close")
		return problem(kindSlowBody, fmt.Sprintf("the body wasn't here after %v", a.timeout))
	case err != nil:
		return problem(kindMalformed, "the body breaks off", fault("body", "", err.Error()))
	case len(body) == 0 && !declared.Required:
		return nil
	case len(body) == 0:
		return problem(kindMalformed, "the body is empty", fault("body", "", "must be JSON"))
	}
	if p := checkType(r.Header, declared); p != nil {
		return p
	}
	if _, err := parse(body); err != nil {
		return err.problem()
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json") // Huma compares letter by letter
	return nil
}

func (a *adapter) tooLarge() *Problem {
	return problem(kindTooLarge, fmt.Sprintf("the body must have at most %d bytes", a.limit))
}

// checkType refuses bodies that aren't plain UTF-8 of a type that the operation takes.
func checkType(h http.Header, declared *huma.RequestBody) *Problem {
	given := h.Get("Content-Type")
	media, params, err := mime.ParseMediaType(given)
	charset := params["charset"]
	if _, ok := declared.Content[media]; err != nil || !ok || (charset != "" && !strings.EqualFold(charset, "utf-8")) {
		return problem(kindMediaType, "the body can't be of that type",
			fault("header.Content-Type", given, "must be application/json, in UTF-8"))
	}
	if encoding := h.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return problem(kindMediaType, "the body can't be compressed", fault("header.Content-Encoding", encoding, "must be left out"))
	}
	return nil
}
