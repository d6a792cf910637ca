package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
)

// behindProxy returns a DB that reaches its server through the proxy, and one that reaches it directly.
func behindProxy(t *testing.T) (*proxy, *postgres.DB, *postgres.DB) {
	t.Helper()
	direct := migratedURL(t)
	p, through := newProxy(t, direct)
	return p, openURL(t, through), openURL(t, direct)
}

func stored(t testing.TB, db *postgres.DB, r eventlog.Record) bool {
	t.Helper()
	return queryValue[bool](t, db, "SELECT EXISTS (SELECT FROM tenon.events WHERE event_id = $1)", r.ID)
}

func TestCommitTellsTheTruthWhenItsAnswerIsLost(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]cut{"answer lost": cutAfter, "answer lost, commit slow": cutHold} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, db, direct := behindProxy(t)
			for i := range 10 {
				r := event("a", 1)
				r.AggregateID = uuid.NewString()
				tx := beginTx(t, db)
				appendTo(t, tx, r)
				woken := db.Signal().Wait()
				p.next.Store(int32(how))
				if err := tx.Commit(t.Context()); err != nil {
					t.Errorf("commit %d: %v, want nil", i, err)
				}
				if !stored(t, direct, r) {
					t.Errorf("commit %d: not stored", i)
				}
				select {
				case <-woken:
				default:
					t.Errorf("commit %d: readers weren't woken", i)
				}
			}
			if p.cuts.Load() != 10 {
				t.Errorf("%d connections cut, want 10", p.cuts.Load())
			}
		})
	}
}

func TestCommitTellsTheTruthWhenItNeverArrived(t *testing.T) {
	t.Parallel()
	p, db, direct := behindProxy(t)
	for i := range 10 {
		r := event(uuid.NewString(), 1)
		tx := beginTx(t, db)
		appendTo(t, tx, r)
		p.next.Store(int32(cutBefore))
		err := tx.Commit(t.Context())
		if !errors.Is(err, eventlog.ErrUnavailable) || errors.Is(err, eventlog.ErrOutcomeUnknown) {
			t.Errorf("commit %d: %v, want ErrUnavailable", i, err)
		}
		if stored(t, direct, r) {
			t.Errorf("commit %d: stored", i)
		}
	}
}

func TestCommitOfCheckpointIsLookedUp(t *testing.T) {
	t.Parallel()
	p, db, _ := behindProxy(t)
	at := projection.Partition{Topic: "t", ID: uuid.New(), Number: 1}
	for i, how := range []cut{cutAfter, cutBefore, cutAfter} {
		from := must(db.Next(t.Context(), "p", 1, at))(t)
		tx := beginTx(t, db)
		if err := db.Advance(t.Context(), tx, "p", 1, at, from, from+10); err != nil {
			t.Fatal(err)
		}
		p.next.Store(int32(how))
		err := tx.Commit(t.Context())
		moved := must(db.Next(t.Context(), "p", 1, at))(t) != from
		if moved != (err == nil) || (err != nil && !errors.Is(err, eventlog.ErrUnavailable)) {
			t.Errorf("commit %d: error %v, checkpoint moved: %v", i, err, moved)
		}
	}
}

func TestCommitWithoutTraceIsUnknown(t *testing.T) {
	t.Parallel()
	p, db, direct := behindProxy(t)
	exec(t, direct, "CREATE TABLE public.t ()")
	tx := beginTx(t, db)
	if _, err := postgres.SQL(tx).ExecContext(t.Context(), "INSERT INTO public.t DEFAULT VALUES"); err != nil {
		t.Fatal(err)
	}
	p.next.Store(int32(cutAfter))
	if err := tx.Commit(t.Context()); !errors.Is(err, eventlog.ErrOutcomeUnknown) {
		t.Errorf("got %v, want ErrOutcomeUnknown: the log knows nothing of this transaction", err)
	}
}

func TestCommitFinishesWhenItsContextEndsOnTheWay(t *testing.T) {
	t.Parallel()
	p, db, direct := behindProxy(t)
	ctx, cancel := context.WithCancel(t.Context())
	r := event("a", 1)
	tx := must(db.Begin(ctx))(t)
	appendTo(t, tx, r)
	p.next.Store(int32(cutHold)) // the commit is answered only after a question about it
	done := make(chan error, 1)
	go func() { done <- tx.Commit(ctx) }()
	waitFor(t, "the commit to be on its way", func() bool { return p.cuts.Load() == 1 })
	cancel()
	if err := <-done; err != nil || !stored(t, direct, r) {
		t.Errorf("commit: %v, stored: %v; want no error and true", err, stored(t, direct, r))
	}
}

func TestCommitUnderAnEndedContextStoresNothing(t *testing.T) {
	t.Parallel()
	db := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	tx, r := beginTx(t, db), event("a", 1)
	appendTo(t, tx, r)
	cancel()
	if err := tx.Commit(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if stored(t, db, r) {
		t.Error("stored")
	}
}

// A statement that was sent is not sent again by database/sql: within a transaction it would go to the broken
// connection.
func TestAppendOnBrokenConnectionStoresNothing(t *testing.T) {
	t.Parallel()
	p, db, direct := behindProxy(t)
	r := event("a", 1)
	tx := beginTx(t, db)
	p.cutAll()
	if err := tx.Append(t.Context(), []eventlog.Record{r}); !errors.Is(err, eventlog.ErrUnavailable) {
		t.Errorf("append: %v, want ErrUnavailable", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Errorf("roll back: %v", err)
	}
	store(t, db, r)
	if !stored(t, direct, r) {
		t.Error("the DB didn't recover")
	}
}
