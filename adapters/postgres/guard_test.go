package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

func head(id string, version domain.Version) []eventlog.Head {
	return []eventlog.Head{{Type: "order", ID: id, Version: version}}
}

func TestGuardSeesWhatItWaitedFor(t *testing.T) {
	t.Parallel()
	db := open(t)
	store(t, db, event("a", 1))
	appender, guard := beginTx(t, db), beginTx(t, db)
	appendTo(t, guard, event("b", 1)) // its first statement is before the appender's commit
	appendTo(t, appender, event("a", 2))
	done := make(chan error, 1)
	go func() { done <- guard.Guard(t.Context(), head("a", 1)) }()
	waitFor(t, "the guard to wait", func() bool { return waiting(t, db) == 1 })
	commit(t, appender)
	conflict, ok := errors.AsType[*domain.ConflictError](<-done)
	if want := (domain.ConflictError{Type: "order", ID: "a", Expected: 1, Actual: 2}); !ok || *conflict != want {
		t.Errorf("got %v, want %v", conflict, &want)
	}
}

func TestGuardHoldsAppendersBack(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 3} { // one event and several are appended by different statements
		t.Run(fmt.Sprintf("of %d events", n), func(t *testing.T) {
			t.Parallel()
			db := open(t)
			guard, appender := beginTx(t, db), beginTx(t, db)
			if err := guard.Guard(t.Context(), head("a", 0)); err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- appender.Append(t.Context(), events("a", 1, n)) }()
			waitFor(t, "the appender to wait", func() bool { return waiting(t, db) == 1 })
			commit(t, guard)
			if err := <-done; err != nil {
				t.Errorf("append after the guard: %v", err)
			}
		})
	}
}

func TestGuardsOfDifferentBucketsDoNotWait(t *testing.T) {
	t.Parallel()
	db := open(t)
	first, second := beginTx(t, db), beginTx(t, db)
	for i, tx := range []eventlog.Tx{first, second} {
		if err := tx.Guard(t.Context(), head(fmt.Sprint("o", i), 0)); err != nil {
			t.Fatal(err)
		}
		appendTo(t, tx, event(fmt.Sprint("x", i), 1))
	}
	commit(t, second)
	commit(t, first)
}

// Each unit reads both accounts and withdraws from one only if the sum allows it: without the guard two of them see the
// same sum.
func TestGuardForbidsWriteSkew(t *testing.T) {
	t.Parallel()
	rounds := 5
	if torture() {
		rounds = 200
	}
	db := quickDeadlocks(t)
	for round := range rounds {
		a, b := fmt.Sprint("a", round), fmt.Sprint("b", round)
		var withdrawals atomic.Int64
		var group errgroup.Group
		for i, id := range []string{a, b, a, b} {
			other := map[string]string{a: b, b: a}[id]
			group.Go(func() error {
				err := withdraw(t.Context(), db, id, other, i%4 < 2)
				if err == nil {
					withdrawals.Add(1)
				}
				if errors.Is(err, domain.ErrConflict) || errors.Is(err, eventlog.ErrTransient) {
					return nil
				}
				return err
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		if n := withdrawals.Load(); n > 1 {
			t.Fatalf("round %d: %d units withdrew what was there once", round, n)
		}
	}
}

// quickDeadlocks returns a DB whose server looks for deadlocks early.
func quickDeadlocks(t *testing.T) *postgres.DB {
	t.Helper()
	return openURL(t, urlWith(t, migratedURL(t), "options", "-c deadlock_timeout=20ms"))
}

// withdraw appends the first event to one account if the other has none, guarding first or last.
func withdraw(ctx context.Context, db *postgres.DB, id, other string, guardFirst bool) error {
	tx, err := db.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	steps := []func() error{
		func() error { return tx.Guard(ctx, head(other, 0)) },
		func() error { return tx.Append(ctx, events(id, 1, 1)) },
	}
	if !guardFirst {
		steps[0], steps[1] = steps[1], steps[0]
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}
