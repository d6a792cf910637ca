package httpport

import (
	"context"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/reading"
)

// Headers by which clients read what they wrote.
const (
	TokenHeader  = "Tenon-Token"  // of a command's answer: what it wrote; of a request: what its answer must have seen
	ParkedHeader = "Tenon-Parked" // of an answer: read models in which some of that is parked
)

const tokenForm = "must be what Tenon-Token of an earlier answer says, several separated by commas"

// Reads is embedded in the input of an operation whose queries read from read models ([application.Answer] says which): a request
// with a token is answered when they have what the token names. "Prefer: wait=5" (RFC 7240) says how many seconds that may take;
// after that it is answered with 504.
type Reads struct {
	Token  string `header:"Tenon-Token" doc:"Answer only when the read model has what this token names: the header Tenon-Token of an answer to a command, or several with commas between them." example:"AQVvcmRlcgABmb7Zy1d3H6vUqH5f0r8DAVrttQo"`
	Prefer string `header:"Prefer" doc:"wait=N (RFC 7240): how many seconds to wait for it; Preference-Applied answers it." example:"wait=5"`
}

// awaiter is an input that embeds [Reads].
type awaiter interface {
	demand(e *exchange) (*demand, error)
}

// demand is what a request wants to see.
type demand struct {
	wait    application.Wait
	applied string // for Preference-Applied; empty: the request had no such preference
}

func (r *Reads) demand(e *exchange) (*demand, error) {
	d := &demand{wait: application.Wait{For: e.wait}}
	if strings.Trim(r.Token, " ,\t") == "" {
		return nil, nil //nolint:nilnil // nothing is demanded, which is no error
	}
	for text := range strings.SplitSeq(r.Token, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		t, err := reading.ParseToken(text)
		if err != nil {
			return nil, Malformed("header."+TokenHeader, text, tokenForm)
		}
		if d.wait.Token = d.wait.Token.And(t); d.wait.Token.IsZero() {
			return nil, Malformed("header."+TokenHeader, "", "must name at most "+strconv.Itoa(reading.Most)+" aggregates")
		}
	}
	if seconds, ok := preferredWait(r.Prefer); ok {
		d.wait.For = min(seconds, e.longest)
		d.applied = "wait=" + strconv.Itoa(int(d.wait.For/time.Second))
	}
	return d, nil
}

// preferredWait returns what the preference wait of a header Prefer says; a client that wrote nonsense has no preference.
func preferredWait(header string) (time.Duration, bool) {
	for one := range strings.SplitSeq(header, ",") {
		one, _, _ = strings.Cut(one, ";") // parameters, of which wait has none
		name, value, _ := strings.Cut(one, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "wait") {
			continue
		}
		n, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 31)
		return time.Duration(n) * time.Second, err == nil // the first of several counts
	}
	return 0, false
}

// tell says in the answer what became of the demand.
func (d *demand) tell(e *exchange) {
	if d.applied != "" {
		e.header.Set("Preference-Applied", d.applied)
	}
	if parked := d.wait.Parked(); len(parked) > 0 {
		e.header.Set(ParkedHeader, strings.Join(parked, ", "))
	}
}

// reads runs h for a request that may demand to see what was written.
func reads[I, O any](h func(context.Context, *I) (*O, error)) func(context.Context, *I) (*O, error) {
	return func(ctx context.Context, in *I) (*O, error) {
		a, ok := any(in).(awaiter)
		if !ok {
			return h(ctx, in)
		}
		e := exchangeOf(ctx)
		d, err := a.demand(e)
		if err != nil {
			return nil, err
		}
		if d == nil {
			return h(ctx, in)
		}
		defer d.tell(e)
		return h(application.WithWait(ctx, &d.wait), in)
	}
}

// writes runs h and gives the answer the token of what its commands wrote.
func writes[I, O any](h func(context.Context, *I) (*O, error)) func(context.Context, *I) (*O, error) {
	return func(ctx context.Context, in *I) (*O, error) {
		tracked, written := application.Track(ctx)
		out, err := h(tracked, in)
		if t := written.Token(); !t.IsZero() {
			exchangeOf(ctx).header.Set(TokenHeader, t.String())
		}
		return out, err
	}
}

// headersOf puts the headers of good answers into the API's document.
func headersOf[I any](method string, responses map[string]*huma.Response) {
	headers := make(map[string]*huma.Param)
	add := func(name, about string) {
		headers[name] = &huma.Param{Description: about, Schema: &huma.Schema{Type: huma.TypeString}}
	}
	if method != http.MethodGet {
		add(TokenHeader, "What was written, for the same header of requests that must see it.")
	}
	if _, ok := any(new(I)).(awaiter); ok {
		add("Preference-Applied", "The wait that Prefer asked for, as far as it was granted.")
		add(ParkedHeader, "Read models in which some of what the token names is parked: it isn't there until somebody has replayed it.")
	}
	for status, r := range responses {
		if !strings.HasPrefix(status, "2") {
			continue
		}
		if r.Headers == nil {
			r.Headers = make(map[string]*huma.Param)
		}
		maps.Copy(r.Headers, headers)
	}
}
