package application_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/reading"
	"github.com/tenon-go/tenon/domain"
)

// browse is a query that reads from the read models things and names.
type browse struct {
	application.Returns[string]
}

// peek is a query of the state itself.
type peek struct {
	application.Returns[string]
}

// readingRig is a mediator over event-sourced things with the read model "things", which nobody feeds, and "names" inline.
func readingRig(t *testing.T, from ...string) (*application.Mediator, *memory.Log, error) {
	t.Helper()
	log := memory.NewLog()
	models := reading.NewModels(memory.NewProgress(log, memory.NewCheckpoints(log), memory.NewDeadLetters(log, nil)))
	things := projection.Projection{Name: "things", Version: 1, Topics: []string{"domain.thing.events"}, Types: []string{"thing.created"}}
	models.Add(things)
	b := application.NewBuilder(application.Config{Store: log, Models: models, Retries: -1})
	application.Register[thing](b, "thing", application.EventSourced[thing](log, b.Codec(), "thing"), nil)
	application.Event[created](b, "thing.created", 1)
	application.Event[renamed](b, "thing.renamed", 1)
	inline := projection.Declare("names", 1, func() *names {
		return &names{rows: memory.NewTable[string](log), put: make(map[string]string)}
	}, "things")
	projection.On(inline, "thing.created", (*names).note)
	application.Inline(b, inline.Projection())
	application.Handle(b, func(ctx context.Context, u *application.Unit, a act) (application.Done, error) {
		return application.Done{}, a.Do(ctx, u)
	})
	application.Answer(b, func(context.Context, browse) (string, error) { return "looked", nil }, from...)
	application.Answer(b, func(context.Context, peek) (string, error) { return "peeked", nil })
	m, err := b.Build()
	return m, log, err
}

func TestTokenNamesWhatTheCommandWrote(t *testing.T) {
	t.Parallel()
	m, _, err := readingRig(t)
	if err != nil {
		t.Fatal(err)
	}
	send := func(do func(ctx context.Context, u *application.Unit) error) ([]eventlog.Head, error) {
		_, token, err := application.SendTracked(t.Context(), m, act{Do: do})
		return token.Heads(), err
	}
	heads := func(ids string, v ...int) []eventlog.Head {
		var all []eventlog.Head
		for i, id := range strings.Fields(ids) {
			all = append(all, eventlog.Head{Type: "thing", ID: id, Version: domain.Version(v[i])})
		}
		return all
	}
	for _, c := range []struct {
		name string
		do   func(ctx context.Context, u *application.Unit) error
		want []eventlog.Head
	}{
		{"two are made", func(_ context.Context, u *application.Unit) error {
			application.Add(u, newThing("a", "one"))
			application.Add(u, newThing("b", "two"))
			return nil
		}, heads("a b", 1, 1)},
		{"one is renamed, one only read", func(ctx context.Context, u *application.Unit) error {
			a, err := application.Get[thing](ctx, u, "a")
			if err != nil {
				return err
			}
			domain.Record(a, renamed{"three"})
			_, err = application.Get[thing](ctx, u, "b")
			return err
		}, heads("a", 2)},
		{"nothing is to be done", func(ctx context.Context, u *application.Unit) error {
			_, err := application.Get[thing](ctx, u, "a")
			return err
		}, heads("a", 2)},
		{"nothing is touched", func(context.Context, *application.Unit) error { return nil }, nil},
	} {
		got, err := send(c.do)
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", c.name, err, diff)
		}
	}
	if got, err := send(func(context.Context, *application.Unit) error { return errors.New("no") }); got != nil || err == nil {
		t.Errorf("a command that failed wrote %v, %v", got, err)
	}
}

func TestQueriesWaitForWhatTheyReadFrom(t *testing.T) {
	t.Parallel()
	m, _, err := readingRig(t, "names", "things")
	if err != nil {
		t.Fatal(err)
	}
	_, token, err := application.SendTracked(t.Context(), m, act{Do: func(_ context.Context, u *application.Unit) error {
		application.Add(u, newThing("a", "one"))
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx := application.WithWait(t.Context(), &application.Wait{Token: token, For: time.Millisecond})
	_, err = application.Send(ctx, m, browse{})
	if behind, ok := errors.AsType[*reading.BehindError](err); !ok || behind.Projection != "things" {
		t.Errorf("nothing was fed, and the query got %v", err)
	}
	if got, err := application.Send(ctx, m, peek{}); got != "peeked" || err != nil {
		t.Errorf("a query that reads from no read model got %q, %v", got, err)
	}
	if got, err := application.Send(t.Context(), m, browse{}); got != "looked" || err != nil {
		t.Errorf("a query that needn't wait got %q, %v", got, err)
	}
}

// What is inline was committed with the write.
func TestQueriesFromInlineModelsNeverWait(t *testing.T) {
	t.Parallel()
	m, _, err := readingRig(t, "names")
	if err != nil {
		t.Fatal(err)
	}
	token := reading.NewToken(eventlog.Head{Type: "thing", ID: "a", Version: 1})
	ctx := application.WithWait(t.Context(), &application.Wait{Token: token, For: time.Minute})
	if got, err := application.Send(ctx, m, browse{}); got != "looked" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestQueriesFromUnknownModelsAreRefused(t *testing.T) {
	t.Parallel()
	_, _, err := readingRig(t, "lost")
	if err == nil || !strings.Contains(err.Error(), `application_test.browse reads from it: no projection is named "lost"`) {
		t.Errorf("got %v", err)
	}
}
