package application_test

import (
	"context"
	"testing"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// appendingStore counts the units that were appended whole, and the transactions.
type appendingStore struct {
	*memory.Log

	whole, begun int
}

func (s *appendingStore) AppendUnit(ctx context.Context, records []eventlog.Record) error {
	s.whole++
	return s.Log.AppendUnit(ctx, records)
}

func (s *appendingStore) Begin(ctx context.Context) (eventlog.Tx, error) {
	s.begun++
	return s.Log.Begin(ctx)
}

type act struct {
	application.Returns[application.Done]
	Do func(ctx context.Context, u *application.Unit) error
}

// A unit is appended whole if and only if nothing in it needs a transaction.
func TestOnlyUnitsOfRecordsAloneAreAppendedWhole(t *testing.T) {
	recorded := func(_ context.Context, u *application.Unit) error {
		application.Add(u, newThing("new", "one"))
		return nil
	}
	published := func(_ context.Context, u *application.Unit) error {
		u.Publish(application.Message{Topic: "t", Key: "k", Type: "noticed", Payload: 1})
		return nil
	}
	read := func(check bool) func(context.Context, *application.Unit) error {
		return func(ctx context.Context, u *application.Unit) error {
			old, err := application.Get[thing](ctx, u, "old")
			if err == nil && check {
				u.Check(old)
			}
			application.Add(u, newThing("new", "one"))
			return err
		}
	}
	for name, c := range map[string]struct {
		do    func(context.Context, *application.Unit) error
		wire  func(b *application.Builder, log *memory.Log)
		whole int
	}{
		"events":                  {do: recorded, whole: 1},
		"a message":               {do: published, whole: 1},
		"read another":            {do: read(false), whole: 1},
		"check another":           {do: read(true)},
		"nothing":                 {do: func(context.Context, *application.Unit) error { return nil }},
		"Before of its event":     {do: recorded, wire: before[created]},
		"Before of another event": {do: recorded, wire: before[renamed], whole: 1},
		"relational state": {do: func(_ context.Context, u *application.Unit) error {
			c := new(counter)
			domain.Begin(c, "c")
			domain.Record(c, counted{1})
			application.Add(u, c)
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			store := &appendingStore{Log: memory.NewLog()}
			b := application.NewBuilder(application.Config{Store: store})
			application.Register[thing](b, "thing", application.EventSourced[thing](store, b.Codec(), "thing"), nil)
			application.Register[counter](b, "counter", memory.NewRepository[counter](store.Log, "counter", nil), nil)
			application.Event[created](b, "thing.created", 1)
			application.Event[renamed](b, "thing.renamed", 1)
			application.Event[counted](b, "counter.counted", 1)
			application.Handle(b, handleCreate)
			application.Handle(b, func(ctx context.Context, u *application.Unit, a act) (application.Done, error) {
				return application.Done{}, a.Do(ctx, u)
			})
			if c.wire != nil {
				c.wire(b, store.Log)
			}
			m, err := b.Build()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := application.Send(t.Context(), m, create{ID: "old", Name: "x"}); err != nil {
				t.Fatal(err)
			}
			store.whole, store.begun = 0, 0
			if _, err := application.Send(t.Context(), m, act{Do: c.do}); err != nil {
				t.Fatal(err)
			}
			begun := 1 - c.whole
			if name == "nothing" {
				begun = 0
			}
			if store.whole != c.whole || store.begun != begun {
				t.Errorf("%d appended whole, %d transactions; want %d and %d", store.whole, store.begun, c.whole, begun)
			}
		})
	}
}

func before[E any](b *application.Builder, _ *memory.Log) {
	application.Before(b, func(context.Context, *application.Unit, application.Recorded[E]) error { return nil })
}
