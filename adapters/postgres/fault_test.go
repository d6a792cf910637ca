package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/tenon-go/tenon/adapters/embedded"
	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
)

// ownServer starts a server that the test may kill, with the kernel's schema.
func ownServer(t *testing.T, opts ...embeddedtest.ServerOption) (*embedded.Postgres, *postgres.DB) {
	t.Helper()
	server := embeddedtest.Server(t, opts...)
	db := openURL(t, server.URL())
	if err := postgres.Migrate(t.Context(), db, postgres.KernelSchema()); err != nil {
		t.Fatal(err)
	}
	return server, db
}

func crash(t *testing.T, server *embedded.Postgres) {
	t.Helper()
	if err := errors.Join(server.Kill(), server.Restart(t.Context())); err != nil {
		t.Fatal(err)
	}
}

// After a crash the server hands out again the xids of transactions that left no trace on disk. A cursor that counted
// those as ended would pass by the events later written under them.
func TestFaultReaderSurvivesReusedTransactions(t *testing.T) {
	t.Parallel()
	server, db := ownServer(t, embeddedtest.Parameter("wal_writer_delay", "10s"))
	rounds := 3
	if torture() {
		rounds = 30
	}
	var cursor eventlog.Cursor
	for round, shown := 0, 0; shown < rounds; round++ {
		if round == 10*rounds {
			t.Fatalf("in %d of %d rounds the server handed an xid out again: the test shows too little", shown, round)
		}
		store(t, db, event(fmt.Sprint("before", round), 1))
		for range 20 {
			tx := beginTx(t, db)
			if _, err := postgres.SQL(tx).ExecContext(t.Context(), "SELECT pg_current_xact_id()"); err != nil {
				t.Fatal(err)
			}
			if err := tx.Rollback(); err != nil {
				t.Fatal(err)
			}
		}
		untrimmed := queryValue[string](t, db, "SELECT pg_current_snapshot()")
		got, next := drain(t, db, cursor, 10)
		crash(t, server)

		later := event(fmt.Sprint("after", round), 1)
		store(t, db, later)
		const reused = "SELECT pg_visible_in_snapshot(xid, $1::pg_snapshot) FROM tenon.events WHERE event_id = $2"
		if queryValue[bool](t, db, reused, untrimmed, later.ID) { // not if something else was flushed just then
			shown++
		}
		rest, after := drain(t, db, next, 10)
		if len(rest) != 1 || rest[0].ID != later.ID {
			t.Errorf("round %d: read %v, then after the crash %v; want %s", round, names(got), names(rest), later.AggregateID)
		}
		cursor = after
	}
}

// The server crashes under a commit and commits another transaction under the same xid: what it says of the xid is
// about the other one.
func TestFaultCommitIsNotTakenForItsXidsNextOwner(t *testing.T) {
	t.Parallel()
	server, direct := ownServer(t, embeddedtest.Parameter("wal_writer_delay", "10s"))
	p, through := newProxy(t, server.URL())
	db := openURL(t, through)
	at := projection.Partition{Topic: "t", ID: uuid.New()}
	lost := event("lost", 1)
	for name, tt := range map[string]struct {
		write func(tx eventlog.Tx) error
		want  error
	}{
		"with an event":    {func(tx eventlog.Tx) error { return tx.Append(t.Context(), []eventlog.Record{lost}) }, eventlog.ErrUnavailable},
		"without an event": {func(tx eventlog.Tx) error { return db.Advance(t.Context(), tx, "p", 1, at, projection.None, 1) }, eventlog.ErrOutcomeUnknown},
	} {
		tx := beginTx(t, db)
		if err := tt.write(tx); err != nil {
			t.Fatal(err)
		}
		var xid, status string
		if err := postgres.SQL(tx).GetContext(t.Context(), &xid, "SELECT pg_current_xact_id()::text"); err != nil {
			t.Fatal(err)
		}
		p.meantime = func() {
			crash(t, server)
			for status != "committed" {
				store(t, direct, event(uuid.NewString(), 1))
				_ = direct.Pool().GetContext(t.Context(), &status, "SELECT pg_xact_status($1::xid8)", xid)
			}
		}
		p.next.Store(int32(cutBefore))
		if err := tx.Commit(t.Context()); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	if stored(t, direct, lost) {
		t.Error("the lost event is stored: the test shows nothing")
	}
}

// Whatever a crash does to a commit, its caller learns the truth, or that nobody knows it.
func TestFaultCommitsDuringCrashes(t *testing.T) {
	t.Parallel()
	server, db := ownServer(t)
	crashes, perCrash := 2, int64(150)
	if torture() {
		crashes = 20
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*patience)
	defer cancel()
	var (
		answers sync.Map // event id to commit's error, nil when it was stored
		commits atomic.Int64
		group   errgroup.Group
		done    = make(chan struct{})
	)
	for range 8 {
		group.Go(func() error {
			for {
				select {
				case <-done:
					return nil
				default:
				}
				r := event(uuid.NewString(), 1)
				sent, err := commitOne(ctx, db, r)
				if sent {
					answers.Store(r.ID, result{err})
					commits.Add(1)
				} else if err := errors.Join(unexpected(err), db.WaitReady(ctx)); err != nil {
					return err
				}
			}
		})
	}
	for i := range crashes {
		waitFor(t, "commits", func() bool { return commits.Load() >= int64(i+1)*perCrash })
		crash(t, server)
	}
	close(done)
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	checkAnswers(t, db, &answers)
}

// commitOne stores a record; sent says whether it came to a commit.
func commitOne(ctx context.Context, db *postgres.DB, r eventlog.Record) (sent bool, err error) {
	tx, err := db.Begin(ctx)
	if err != nil {
		return false, err
	}
	defer tx.Rollback()
	if err := tx.Append(ctx, []eventlog.Record{r}); err != nil {
		return false, err
	}
	return true, tx.Commit(ctx)
}

// unexpected returns the error unless it is that of an outage.
func unexpected(err error) error {
	if errors.Is(err, eventlog.ErrUnavailable) {
		return nil
	}
	return err
}

func checkAnswers(t *testing.T, db *postgres.DB, answers *sync.Map) {
	t.Helper()
	var lost, unknown int
	for id, answer := range answers.Range {
		err := answer.(result).err
		there := stored(t, db, eventlog.Record{ID: id.(uuid.UUID)})
		switch {
		case errors.Is(err, eventlog.ErrOutcomeUnknown):
			unknown++
		case unexpected(err) != nil:
			t.Errorf("commit: %v", err)
		case there != (err == nil):
			t.Errorf("commit of %s: %v, stored: %v", id, err, there)
		case err != nil:
			lost++
		}
	}
	t.Logf("%d commits failed and told so, %d are unknown", lost, unknown)
}

// result is an error that a sync.Map can hold when it is nil.
type result struct{ err error }
