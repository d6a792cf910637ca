package memory_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application/eventlog"
)

// event is an account's first.
func event(id string) eventlog.Record {
	return eventlog.Record{
		ID: uuid.Must(uuid.NewV7()), Topic: "accounts", AggregateType: "account", AggregateID: id, Version: 1,
		Type: "account.opened", SchemaVersion: 1, Payload: []byte("{}"),
	}
}

func begin(t *testing.T, s eventlog.Store) eventlog.Tx {
	t.Helper()
	tx, err := s.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	})
	return tx
}

func commit(t *testing.T, s eventlog.Store, records ...eventlog.Record) {
	t.Helper()
	tx := begin(t, s)
	if err := errors.Join(tx.Append(t.Context(), records), tx.Commit(t.Context())); err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("error is %v, want one that is %q", err, target)
	}
}

// TestDeadlockGivesUpOne lets two transactions wait for each other: one must end with ErrTransient, the other go on.
func TestDeadlockGivesUpOne(t *testing.T) {
	t.Parallel()
	log := memory.NewLog()
	txs := []eventlog.Tx{begin(t, log), begin(t, log)}
	ids := []string{"a", "b"}
	for i, tx := range txs {
		if err := tx.Append(t.Context(), []eventlog.Record{event(ids[i])}); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error, len(txs))
	for i, tx := range txs {
		go func() {
			err := tx.Append(t.Context(), []eventlog.Record{event(ids[1-i])})
			done <- errors.Join(err, tx.Rollback())
		}()
	}
	wantError(t, errors.Join(<-done, <-done), eventlog.ErrTransient)
}

func TestDeadlockThroughThirdTransaction(t *testing.T) {
	t.Parallel()
	log := memory.NewLog()
	const n = 3
	ids := []string{"a", "b", "c"}
	var txs []eventlog.Tx
	for i := range n {
		txs = append(txs, begin(t, log))
		if err := txs[i].Append(t.Context(), []eventlog.Record{event(ids[i])}); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error, n)
	for i, tx := range txs {
		go func() {
			err := tx.Guard(t.Context(), []eventlog.Head{{Type: "account", ID: ids[(i+1)%n]}})
			done <- errors.Join(err, tx.Rollback())
		}()
	}
	wantError(t, errors.Join(<-done, <-done, <-done), eventlog.ErrTransient)
}

func TestGuardsShareAnAggregate(t *testing.T) {
	t.Parallel()
	log := memory.NewLog()
	for range 2 {
		if err := begin(t, log).Guard(t.Context(), []eventlog.Head{{Type: "account", ID: "a"}}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWaitingEndsWithContext(t *testing.T) {
	t.Parallel()
	log := memory.NewLog()
	if err := begin(t, log).Append(t.Context(), []eventlog.Record{event("a")}); err != nil {
		t.Fatal(err)
	}
	waiting := begin(t, log)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- waiting.Append(ctx, []eventlog.Record{event("a")}) }()
	cancel()
	wantError(t, <-done, context.Canceled)
}

func TestTransactionOfAnotherLogIsRefused(t *testing.T) {
	t.Parallel()
	log, other := memory.NewLog(), memory.NewLog()
	table := memory.NewTable[int](log)
	if err := table.Put(t.Context(), begin(t, other), "key", 1); err == nil {
		t.Error("a row was written through another log's transaction")
	}
	for _, err := range log.Stream(t.Context(), begin(t, other), "account", "a", 0) {
		if err == nil {
			t.Error("a stream was read through another log's transaction")
		}
	}
}

func TestCommitDuringOutageStoresNothing(t *testing.T) {
	t.Parallel()
	log := memory.NewLog()
	tx := begin(t, log)
	if err := tx.Append(t.Context(), []eventlog.Record{event("a")}); err != nil {
		t.Fatal(err)
	}
	mend := log.Break()
	wantError(t, tx.Commit(t.Context()), eventlog.ErrUnavailable)
	_, err := log.Begin(t.Context())
	wantError(t, err, eventlog.ErrUnavailable)
	mend()
	mend() // twice does nothing
	page, err := log.Read(t.Context(), "", 1)
	if err != nil || len(page.Records) != 0 {
		t.Errorf("after the outage: %d records, error %v", len(page.Records), err)
	}
}

func TestNegativeVersionIsRefused(t *testing.T) {
	t.Parallel()
	bad := event("a")
	bad.Version = -1
	if begin(t, memory.NewLog()).Append(t.Context(), []eventlog.Record{bad}) == nil {
		t.Error("no error")
	}
}
