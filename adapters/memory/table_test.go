package memory_test

import (
	"context"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application/eventlog"
)

// write commits one change of a table.
func write(t *testing.T, log *memory.Log, change func(ctx context.Context, tx eventlog.Tx) error) {
	t.Helper()
	tx := begin(t, log)
	if err := change(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func rows(t *testing.T, table *memory.Table[int]) map[string]int {
	t.Helper()
	all, err := table.Rows(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return maps.Collect(all)
}

func TestTableRowsAreThoseCommitted(t *testing.T) {
	t.Parallel()
	log := memory.NewLog()
	table, other := memory.NewTable[int](log), memory.NewTable[int](log)
	write(t, log, func(ctx context.Context, tx eventlog.Tx) error { return table.Put(ctx, tx, "a", 1) })
	write(t, log, func(ctx context.Context, tx eventlog.Tx) error { return table.Put(ctx, tx, "b", 2) })
	write(t, log, func(ctx context.Context, tx eventlog.Tx) error { return table.Delete(ctx, tx, "a") })
	write(t, log, func(ctx context.Context, tx eventlog.Tx) error { return other.Put(ctx, tx, "b", 3) })
	if err := table.Put(t.Context(), begin(t, log), "c", 4); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"b": 2}, rows(t, table)); diff != "" {
		t.Error(diff)
	}
}

func TestTableRowIsWhatTheTransactionSees(t *testing.T) {
	t.Parallel()
	log := memory.NewLog()
	table := memory.NewTable[int](log)
	write(t, log, func(ctx context.Context, tx eventlog.Tx) error { return table.Put(ctx, tx, "a", 1) })
	tx := begin(t, log)
	if err := table.Delete(t.Context(), tx, "a"); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := table.Get(t.Context(), tx, "a"); ok || err != nil {
		t.Errorf("in the transaction the row is there: %t, error %v", ok, err)
	}
	if value, ok, err := table.Get(t.Context(), nil, "a"); value != 1 || !ok || err != nil {
		t.Errorf("outside the row is %d, %t, error %v", value, ok, err)
	}
}

// TestTableLockPreventsLostUpdates has many transactions count in one row.
func TestTableLockPreventsLostUpdates(t *testing.T) {
	t.Parallel()
	const writers = 8
	log := memory.NewLog()
	table := memory.NewTable[int](log)
	done := make(chan error, writers)
	for range writers {
		go func() { done <- countUp(t.Context(), log, table) }()
	}
	for range writers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(map[string]int{"count": writers}, rows(t, table)); diff != "" {
		t.Error(diff)
	}
}

func countUp(ctx context.Context, log *memory.Log, table *memory.Table[int]) error {
	tx, err := log.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := table.Lock(ctx, tx, "count"); err != nil {
		return err
	}
	n, _, err := table.Get(ctx, tx, "count")
	if err != nil {
		return err
	}
	if err := table.Put(ctx, tx, "count", n+1); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

func TestTableWriteWantsATransaction(t *testing.T) {
	t.Parallel()
	if memory.NewTable[int](memory.NewLog()).Put(t.Context(), nil, "a", 1) == nil {
		t.Error("no error")
	}
}
