package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// ledger is what was committed.
type ledger struct {
	mu        sync.Mutex
	committed map[string]bool
}

func (l *ledger) add(records []eventlog.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range names(records) {
		l.committed[name] = true
	}
}

func TestTortureReader(t *testing.T) {
	t.Parallel()
	const writers, streams = 12, 20
	units := 40
	if torture() {
		units = 1000
	}
	db := openConfig(t, postgres.Config{URL: migratedURL(t), MaxConns: writers + 8})
	written := ledger{committed: map[string]bool{}}
	var group, readers errgroup.Group
	for i := range writers {
		group.Go(func() error {
			w := writer{db: db, random: rand.New(rand.NewPCG(uint64(i), 7)), streams: streams, ledger: &written}
			return w.run(t.Context(), units)
		})
	}
	done := make(chan struct{})
	var read [3][]eventlog.Record
	for i, limit := range []int{1, 7, 1000} {
		readers.Go(func() (err error) {
			read[i], err = follow(t.Context(), db, limit, done)
			return err
		})
	}
	err := group.Wait()
	close(done)
	if err := errors.Join(err, readers.Wait()); err != nil {
		t.Fatal(err)
	}
	for i, limit := range []int{1, 7, 1000} {
		t.Run(fmt.Sprintf("pages of %d", limit), func(t *testing.T) { checkRead(t, written.committed, read[i]) })
	}
}

func checkRead(t *testing.T, committed map[string]bool, read []eventlog.Record) {
	t.Helper()
	seen, heads := map[string]bool{}, map[string]domain.Version{}
	for _, r := range read {
		name := fmt.Sprintf("%s/%d", r.AggregateID, r.Version)
		if !committed[name] || seen[name] {
			t.Errorf("%s: committed %v, read before %v", name, committed[name], seen[name])
		}
		if heads[r.AggregateID] != r.Version-1 {
			t.Errorf("%s was read after version %d", name, heads[r.AggregateID])
		}
		seen[name], heads[r.AggregateID] = true, r.Version
	}
	if len(seen) != len(committed) {
		t.Errorf("%d events read, %d committed", len(seen), len(committed))
	}
}

// follow reads until done is closed and nothing is left.
func follow(ctx context.Context, db *postgres.DB, limit int, done <-chan struct{}) ([]eventlog.Record, error) {
	var all []eventlog.Record
	var cursor eventlog.Cursor
	for over := false; ; {
		select {
		case <-done:
			over = true
		default:
		}
		page, err := db.Read(ctx, cursor, limit)
		if err != nil {
			return nil, err
		}
		all, cursor = append(all, page.Records...), page.Next
		if over && !page.More && len(page.Records) == 0 {
			return all, nil
		}
	}
}

// writer runs units over one or two streams. Half of them get their xid long before they append, some roll back, some
// write within savepoints and give a part up.
type writer struct {
	db      *postgres.DB
	random  *rand.Rand
	streams int
	ledger  *ledger
}

func (w *writer) run(ctx context.Context, units int) error {
	for range units {
		records, err := w.unit(ctx)
		switch {
		case errors.Is(err, domain.ErrConflict) || errors.Is(err, eventlog.ErrTransient):
		case err != nil:
			return err
		default:
			w.ledger.add(records)
		}
	}
	return nil
}

func (w *writer) unit(ctx context.Context) ([]eventlog.Record, error) {
	tx, err := w.db.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	if w.random.IntN(2) == 0 {
		if err := w.sql(ctx, tx, "SELECT pg_current_xact_id()"); err != nil {
			return nil, err
		}
		w.dawdle()
	}
	var all []eventlog.Record
	for range 1 + w.random.IntN(2) {
		records, err := w.appendSome(ctx, tx)
		if err != nil {
			return nil, err
		}
		all = append(all, records...)
		w.dawdle()
	}
	if w.random.IntN(5) == 0 {
		return nil, tx.Rollback()
	}
	return all, tx.Commit(ctx)
}

// appendSome writes to one stream, for a third of the time in a savepoint, of which half are undone.
func (w *writer) appendSome(ctx context.Context, tx eventlog.Tx) ([]eventlog.Record, error) {
	id := fmt.Sprint("s", w.random.IntN(w.streams))
	var head domain.Version
	if err := postgres.SQL(tx).GetContext(ctx, &head, "SELECT coalesce(max(version), 0) FROM tenon.events WHERE aggregate_id = $1", id); err != nil {
		return nil, err
	}
	records := events(id, head+1, 1+w.random.IntN(3))
	if w.random.IntN(3) > 0 {
		return records, tx.Append(ctx, records)
	}
	if err := errors.Join(w.sql(ctx, tx, "SAVEPOINT s"), tx.Append(ctx, records)); err != nil {
		return nil, err
	}
	if w.random.IntN(2) == 0 {
		return nil, w.sql(ctx, tx, "ROLLBACK TO s")
	}
	return records, w.sql(ctx, tx, "RELEASE s")
}

func (w *writer) sql(ctx context.Context, tx eventlog.Tx, query string) error {
	_, err := postgres.SQL(tx).ExecContext(ctx, query)
	return err
}

// dawdle lets others commit in between.
func (w *writer) dawdle() {
	if w.random.IntN(2) == 0 {
		timer := time.NewTimer(time.Duration(w.random.IntN(3000)) * time.Microsecond)
		<-timer.C
	}
}
