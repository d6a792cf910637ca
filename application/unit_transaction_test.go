package application_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// countingStore counts the transactions that are open.
type countingStore struct {
	eventlog.Store

	open, begun atomic.Int64
}

func (s *countingStore) Begin(ctx context.Context) (eventlog.Tx, error) {
	tx, err := s.Store.Begin(ctx)
	if err != nil {
		return nil, err
	}
	s.open.Add(1)
	s.begun.Add(1)
	return &countedTx{Tx: tx, store: s}, nil
}

type countedTx struct {
	eventlog.Tx

	store *countingStore
	ended bool
}

func (tx *countedTx) end() {
	if !tx.ended {
		tx.ended = true
		tx.store.open.Add(-1)
	}
}

func (tx *countedTx) Commit(ctx context.Context) error {
	defer tx.end()
	return tx.Tx.Commit(ctx)
}

func (tx *countedTx) Rollback() error {
	defer tx.end()
	return tx.Tx.Rollback()
}

// A handler may wait for the network, and so may one that is told after the commit: no transaction is open then.
func TestNoTransactionIsOpenWhileHandlersRun(t *testing.T) {
	log := memory.NewLog()
	store := &countingStore{Store: log}
	b := application.NewBuilder(application.Config{Store: store})
	application.Register[thing](b, "thing", application.EventSourced[thing](log, b.Codec(), "thing"), nil)
	application.Event[created](b, "thing.created", 1)
	application.Event[renamed](b, "thing.renamed", 1)
	during := make(map[string]int64)
	application.Handle(b, func(ctx context.Context, u *application.Unit, c rename) (domain.Version, error) {
		a, err := application.Get[thing](ctx, u, c.ID)
		if err != nil {
			a = newThing(c.ID, c.Name)
			application.Add(u, a)
		}
		if a.name != c.Name {
			domain.Record(a, renamed{c.Name})
		}
		during["the handler"] = store.open.Load()
		return a.Version(), nil
	})
	application.Before(b, func(context.Context, *application.Unit, application.Recorded[renamed]) error {
		during["before"] = store.open.Load()
		return nil
	})
	application.On(b, func(context.Context, application.Recorded[renamed]) error {
		during["after"] = store.open.Load()
		return nil
	})
	m, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one", "two", "two"} {
		if _, err := application.Send(t.Context(), m, rename{ID: "a", Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	if during["the handler"] != 0 || during["before"] != 1 || during["after"] != 0 {
		t.Errorf("open transactions %v, want one before the commit only", during)
	}
	if got := store.begun.Load(); got != 2 {
		t.Errorf("%d transactions for two changes and a repeat, want 2", got)
	}
}
