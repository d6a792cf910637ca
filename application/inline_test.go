package application_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
)

// label is created and renamed as the read model of these tests declares them.
type label struct{ Name string }

// names is a fold that keeps each thing's latest name.
type names struct {
	rows *memory.Table[string]
	put  map[string]string
}

func (*names) Load(context.Context, eventlog.Tx, []projection.Event) error { return nil }

func (n *names) Store(ctx context.Context, tx eventlog.Tx) error {
	for id, name := range n.put {
		if err := n.rows.Put(ctx, tx, id, name); err != nil {
			return err
		}
	}
	return nil
}

func (n *names) note(e projection.Of[label]) error {
	if e.Event.Name == "bad" {
		return errors.New("not a name")
	}
	n.put[e.AggregateID] = fmt.Sprint(e.Event.Name, " ", e.Version)
	return nil
}

// inlineRig is a mediator with the read model of names inline, over event-sourced things.
func inlineRig(t *testing.T) (*application.Mediator, *memory.Log, *memory.Table[string]) {
	t.Helper()
	log := memory.NewLog()
	rows := memory.NewTable[string](log)
	b := application.NewBuilder(application.Config{Store: log, Retries: -1})
	application.Register[thing](b, "thing", application.EventSourced[thing](log, b.Codec(), "thing"), nil)
	application.Event[created](b, "thing.created", 1)
	application.Event[renamed](b, "thing.renamed", 1)
	p := projection.Declare("names", 1, func() *names { return &names{rows: rows, put: make(map[string]string)} }, "things")
	projection.On(p, "thing.created", (*names).note)
	projection.On(p, "thing.renamed", (*names).note)
	application.Inline(b, p.Projection())
	application.Handle(b, func(ctx context.Context, u *application.Unit, a act) (application.Done, error) {
		return application.Done{}, a.Do(ctx, u)
	})
	m, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return m, log, rows
}

func TestInlineProjectionIsNeverBehindAndCommitsWithTheEvents(t *testing.T) {
	t.Parallel()
	m, log, rows := inlineRig(t)
	send := func(do func(ctx context.Context, u *application.Unit) error) error {
		_, err := application.Send(t.Context(), m, act{Do: do})
		return err
	}
	add := func(id string, name ...string) func(context.Context, *application.Unit) error {
		return func(_ context.Context, u *application.Unit) error {
			for i, n := range name {
				application.Add(u, newThing(fmt.Sprint(id, i), n))
			}
			return nil
		}
	}
	if err := send(add("a", "one", "two")); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a0": "one 1", "a1": "two 1"}
	check := func() {
		t.Helper()
		all, err := rows.Rows(t.Context())
		if diff := cmp.Diff(want, maps.Collect(all)); diff != "" || err != nil {
			t.Errorf("rows (-want +got), %v:\n%s", err, diff)
		}
	}
	check()
	if err := send(add("b", "three", "bad")); err == nil || !strings.Contains(err.Error(), "inline projection names: thing.created, version 1 of b1: not a name") {
		t.Errorf("a unit that the projection refuses: %v", err)
	}
	check()
	if err := send(add("a", "again")); err == nil { // a0 is there: a conflict, after the projection has written
		t.Error("no conflict")
	}
	check()
	page, err := log.Read(t.Context(), "", 10)
	if err != nil || len(page.Records) != 2 {
		t.Errorf("%d records, %v, want the two of the unit that succeeded", len(page.Records), err)
	}
}

func TestInlineProjectionMustBeWhole(t *testing.T) {
	t.Parallel()
	b := application.NewBuilder(application.Config{Store: memory.NewLog()})
	application.Inline(b, projection.Projection{Name: "names", Types: []string{"thing.created"}})
	if _, err := b.Build(); err == nil || !strings.Contains(err.Error(), `inline projection "names": want Name, Types and Apply`) {
		t.Errorf("error %v", err)
	}
}
