package httpport_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/reading"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/ports/httpport"
)

// note is an aggregate that is written and read.
type note struct{ domain.Root }

type noted struct{}

func (*note) Apply(domain.Event) {}

type keep struct {
	application.Returns[application.Done]
	ID string
}

type browse struct {
	application.Returns[string]
}

// notes is a service over notes: PUT /notes/{id} keeps one, GET /notes reads from the read model "notes", which tests feed.
type notes struct {
	*service
	log     *memory.Log
	points  *memory.Checkpoints
	letters *memory.DeadLetters
	models  *reading.Models
}

type keepInput struct {
	ID string `path:"id"`
}

type browseInput struct {
	httpport.Reads
}

func newNotes(t *testing.T, cfg httpport.Config) *notes {
	t.Helper()
	n := &notes{log: memory.NewLog()}
	n.points, n.letters = memory.NewCheckpoints(n.log), memory.NewDeadLetters(n.log, nil)
	n.models = reading.NewModels(memory.NewProgress(n.log, n.points, n.letters))
	n.models.Add(projection.Projection{Name: "notes", Version: 1, Topics: []string{"domain.note.events"}, Types: []string{"note.kept"}})
	b := application.NewBuilder(application.Config{Store: n.log, Models: n.models})
	application.Register[note](b, "note", application.EventSourced[note](n.log, b.Codec(), "note"), nil)
	application.Event[noted](b, "note.kept", 1)
	application.Handle(b, func(ctx context.Context, u *application.Unit, k keep) (application.Done, error) {
		_, err := application.Get[note](ctx, u, k.ID)
		if errors.Is(err, domain.ErrNotFound) {
			fresh := new(note)
			domain.Begin(fresh, k.ID)
			domain.Record(fresh, noted{})
			application.Add(u, fresh)
			return application.Done{}, nil
		}
		return application.Done{}, err
	})
	application.Answer(b, func(context.Context, browse) (string, error) { return "all of them", nil }, "notes")
	put, get := application.Bind[keep](b), application.Bind[browse](b)
	if _, err := b.Build(); err != nil {
		t.Fatal(err)
	}
	n.service = newService(t, cfg, func(api huma.API) {
		op := huma.Operation{OperationID: "keep", Method: http.MethodPut, Path: "/notes/{id}"}
		httpport.Handle(api, op, func(ctx context.Context, in *keepInput) (*struct{}, error) {
			_, err := put(ctx, keep{ID: in.ID})
			return nil, err
		})
		op = huma.Operation{OperationID: "browse", Method: http.MethodGet, Path: "/notes"}
		httpport.Handle(api, op, func(ctx context.Context, _ *browseInput) (*textOutput, error) {
			text, err := get(ctx, browse{})
			out := new(textOutput)
			out.Body.Text = text
			return out, err
		})
	})
	return n
}

// keep writes a note and returns the token of it.
func (n *notes) keep(id string) string {
	n.t.Helper()
	a := n.send(http.MethodPut, "/notes/"+id, "")
	token := a.header.Get(httpport.TokenHeader)
	if a.status != http.StatusNoContent || token == "" {
		n.t.Fatalf("answered %d, token %q", a.status, token)
	}
	return token
}

// feed lets the read model have a note.
func (n *notes) feed(id string) {
	n.t.Helper()
	n.inTx(func(tx eventlog.Tx) error {
		e := projection.Event{Record: eventlog.Record{ID: uuid.New(), AggregateType: "note", AggregateID: id, Version: 1}}
		_, err := n.points.Fresh(n.t.Context(), tx, "notes", 1, []projection.Event{e})
		return err
	})
	n.models.Signal("notes").Raise()
}

func (n *notes) park(id string) {
	n.t.Helper()
	key := deadletter.Key{Place: deadletter.Place{Projection: "notes", Version: 1}, AggregateType: "note", AggregateID: id}
	n.inTx(func(tx eventlog.Tx) error {
		return n.letters.Park(n.t.Context(), tx, []deadletter.Event{{Key: key, ParkedAt: time.Now()}})
	})
}

func (n *notes) inTx(work func(eventlog.Tx) error) {
	n.t.Helper()
	tx, err := n.log.Begin(n.t.Context())
	if err == nil {
		err = errors.Join(work(tx), tx.Commit(n.t.Context()))
	}
	if err != nil {
		n.t.Fatal(err)
	}
}

func TestReadWaitsForWhatTheTokenNames(t *testing.T) {
	t.Parallel()
	n := newNotes(t, httpport.Config{})
	token := n.keep("a")
	a := n.send(http.MethodGet, "/notes", "", httpport.TokenHeader, token, "Prefer", "wait=0")
	p := a.problem(t, http.StatusGatewayTimeout, "behind")
	if p.Detail != "read model notes has not reached version 1 of note a yet, it is at 0" || a.header.Get("Retry-After") == "" ||
		a.header.Get("Preference-Applied") != "wait=0" {
		t.Errorf("detail %q, headers %v", p.Detail, a.header)
	}
	answered := make(chan answer)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.url+"/notes", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(httpport.TokenHeader, token)
	r.Header.Set("Prefer", "respond-async, wait=20")
	go func() { answered <- n.do(r) }()
	n.feed("a")
	got := <-answered
	if got.status != http.StatusOK || got.header.Get("Preference-Applied") != "wait=20" || got.header.Get(httpport.ParkedHeader) != "" {
		t.Errorf("answered %d %v: %s", got.status, got.header, got.body)
	}
}

func TestReadWithoutATokenDoesntWait(t *testing.T) {
	t.Parallel()
	n := newNotes(t, httpport.Config{})
	n.keep("a")
	if a := n.send(http.MethodGet, "/notes", "", "Prefer", "wait=5"); a.status != http.StatusOK || a.header.Get("Preference-Applied") != "" {
		t.Errorf("answered %d %v", a.status, a.header)
	}
}

// Preferences that can't be understood, or are none, don't count; how long is then the service's choice.
func TestReadWithoutAPreferenceWaitsAsConfigured(t *testing.T) {
	t.Parallel()
	n := newNotes(t, httpport.Config{ReadWait: time.Millisecond})
	token := n.keep("a")
	for _, prefer := range []string{"", "wait", "wait=", "wait=-1", "wait=soon", "wait=1e3", "wait=99999999999", "return=minimal", ";;,=", "\"wait=5\""} {
		a := n.send(http.MethodGet, "/notes", "", httpport.TokenHeader, token, "Prefer", prefer)
		a.problem(t, http.StatusGatewayTimeout, "behind")
		if applied := a.header.Get("Preference-Applied"); applied != "" {
			t.Errorf("Prefer %q: %q is applied", prefer, applied)
		}
	}
}

func TestReadWaitsNoLongerThanARequestMayTake(t *testing.T) {
	t.Parallel()
	n := newNotes(t, httpport.Config{RequestTimeout: 2 * time.Second})
	a := n.send(http.MethodGet, "/notes", "", httpport.TokenHeader, n.keep("a"), "Prefer", `Wait = "600"; x=1`)
	a.problem(t, http.StatusGatewayTimeout, "behind")
	if applied := a.header.Get("Preference-Applied"); applied != "wait=1" {
		t.Errorf("%q is applied", applied)
	}
}

func TestReadTellsWhatIsParked(t *testing.T) {
	t.Parallel()
	n := newNotes(t, httpport.Config{})
	token := n.keep("a")
	n.park("a")
	if a := n.send(http.MethodGet, "/notes", "", httpport.TokenHeader, token); a.status != http.StatusOK || a.header.Get(httpport.ParkedHeader) != "notes" {
		t.Errorf("answered %d %v: %s", a.status, a.header, a.body)
	}
}

// Several tokens are one: with commas between them, or in several lines.
func TestReadTakesSeveralTokens(t *testing.T) {
	t.Parallel()
	n := newNotes(t, httpport.Config{ReadWait: time.Millisecond})
	a, b := n.keep("a"), n.keep("b")
	n.feed("a")
	ask := func(lines ...string) answer {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.url+"/notes", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header[httpport.TokenHeader] = lines
		return n.do(r)
	}
	for _, lines := range [][]string{{a + "," + b}, {a, b}, {b, a + ", "}} {
		ask(lines...).problem(t, http.StatusGatewayTimeout, "behind")
	}
	n.feed("b")
	if got := ask(a, b); got.status != http.StatusOK {
		t.Errorf("answered %d: %s", got.status, got.body)
	}
}

func TestTextsThatAreNoTokensAreRefusedByTheHeadersName(t *testing.T) {
	t.Parallel()
	n := newNotes(t, httpport.Config{})
	good := n.keep("a")
	for _, text := range []string{"x", good + "x", good[:8], good + ";" + good, good + ",x", " ", "%"} {
		a := n.send(http.MethodGet, "/notes", "", httpport.TokenHeader, text)
		p := a.problem(t, http.StatusBadRequest, "malformed")
		if len(p.Errors) != 1 || p.Errors[0].Location != "header.Tenon-Token" || !strings.Contains(p.Errors[0].Message, "Tenon-Token") {
			t.Errorf("%q: %+v", text, p.Errors)
		}
	}
}

// Whoever repeats a command because its answer got lost learns from the second answer how to read what the first one wrote.
func TestRepeatedCommandNamesWhatTheFirstOneWrote(t *testing.T) {
	t.Parallel()
	n := newNotes(t, httpport.Config{})
	if first, second := n.keep("a"), n.keep("a"); first != second {
		t.Errorf("%q, then %q", first, second)
	}
}
