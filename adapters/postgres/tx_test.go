package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
)

func TestBeginWaitsForConnectionUnderItsContext(t *testing.T) {
	t.Parallel()
	db := openConfig(t, postgres.Config{URL: migratedURL(t), MaxConns: 1})
	beginTx(t, db)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := db.Begin(ctx)
		done <- err
	}()
	waitFor(t, "Begin to wait", func() bool { return db.Pool().Stats().WaitCount == 1 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestTxOutlivesTheContextOfBegin(t *testing.T) {
	t.Parallel()
	db := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	tx, r := must(db.Begin(ctx))(t), event("a", 1)
	cancel()
	appendTo(t, tx, r)
	commit(t, tx)
	if !stored(t, db, r) {
		t.Error("not stored")
	}
}

func TestTxStopsAStatementWithItsContext(t *testing.T) {
	t.Parallel()
	db := open(t)
	first, second := beginTx(t, db), beginTx(t, db)
	appendTo(t, first, event("a", 1))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- second.Append(ctx, events("a", 1, 1)) }()
	waitFor(t, "the second to wait", func() bool { return waiting(t, db) == 1 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || errors.Is(err, eventlog.ErrUnavailable) {
		t.Errorf("got %v, want context.Canceled and not ErrUnavailable", err)
	}
	if err := second.Rollback(); err != nil {
		t.Errorf("roll back: %v", err)
	}
	commit(t, first)
}

func TestTxEndsOnce(t *testing.T) {
	t.Parallel()
	db := open(t)
	tx := beginTx(t, db)
	appendTo(t, tx, event("a", 1))
	commit(t, tx)
	if err := tx.Commit(t.Context()); !errors.Is(err, sql.ErrTxDone) {
		t.Errorf("second commit: %v, want sql.ErrTxDone", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Errorf("rollback after commit: %v", err)
	}
	if err := tx.Append(t.Context(), events("a", 2, 1)); !errors.Is(err, sql.ErrTxDone) {
		t.Errorf("append after commit: %v, want sql.ErrTxDone", err)
	}
}

func TestCommitOfFailedTransactionIsAnError(t *testing.T) {
	t.Parallel()
	db := open(t)
	tx, r := beginTx(t, db), event("a", 1)
	appendTo(t, tx, r)
	if _, err := postgres.SQL(tx).ExecContext(t.Context(), "SELECT 1/0"); err == nil {
		t.Fatal("division by zero succeeded")
	}
	if err := tx.Commit(t.Context()); err == nil || errors.Is(err, eventlog.ErrOutcomeUnknown) {
		t.Errorf("got %v, want an error that leaves no doubt", err)
	}
	if stored(t, db, r) {
		t.Error("stored")
	}
}

func TestCommitWakesReadersAfterAnAppendOnly(t *testing.T) {
	t.Parallel()
	db := open(t)
	woken := db.Signal().Wait()
	for _, end := range []func(eventlog.Tx) error{
		func(tx eventlog.Tx) error { return tx.Commit(t.Context()) },
		func(tx eventlog.Tx) error {
			return errors.Join(tx.Append(t.Context(), events("a", 1, 1)), tx.Rollback())
		},
	} {
		if err := end(beginTx(t, db)); err != nil {
			t.Fatal(err)
		}
		select {
		case <-woken:
			t.Error("readers were woken for nothing")
		default:
		}
	}
	store(t, db, event("a", 1))
	select {
	case <-woken:
	default:
		t.Error("readers weren't woken")
	}
}

func TestSQLRefusesForeignTransactions(t *testing.T) {
	t.Parallel()
	foreign := must(memory.NewLog().Begin(t.Context()))(t)
	defer func() {
		if said, _ := recover().(string); !strings.Contains(said, "*memory.Tx is no transaction of a postgres.DB") {
			t.Errorf("panic %q, want one that names the type", said)
		}
	}()
	postgres.SQL(foreign)
}

func TestQuerierReadsThroughTheTransactionOrThePool(t *testing.T) {
	t.Parallel()
	db := open(t)
	tx := beginTx(t, db)
	appendTo(t, tx, event("a", 1))
	for want, through := range map[int]eventlog.Tx{0: nil, 1: tx} {
		var n int
		if err := db.Querier(through).GetContext(t.Context(), &n, "SELECT count(*) FROM tenon.events WHERE aggregate_id = $1", "a"); err != nil || n != want {
			t.Errorf("through %T: %d events, %v; want %d", through, n, err, want)
		}
	}
}

func TestDeadlockIsTransient(t *testing.T) {
	t.Parallel()
	db := quickDeadlocks(t)
	first, second := beginTx(t, db), beginTx(t, db)
	appendTo(t, first, event("a", 1))
	appendTo(t, second, event("b", 1))
	done := make(chan error, 1)
	go func() { done <- first.Append(t.Context(), events("b", 1, 1)) }()
	waitFor(t, "the first to wait", func() bool { return waiting(t, db) == 1 })
	secondErr := second.Append(t.Context(), events("a", 1, 1))
	if err := second.Rollback(); err != nil { // the other one goes on
		t.Error(err)
	}
	if firstErr := <-done; !errors.Is(errors.Join(firstErr, secondErr), eventlog.ErrTransient) {
		t.Errorf("got %v and %v, want ErrTransient for one of them", firstErr, secondErr)
	}
}
