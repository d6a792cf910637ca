package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/eventlog"
)

// finishing is a store that ends each unit by Finish.
type finishing struct{ *postgres.DB }

func (f finishing) AppendUnit(ctx context.Context, records []eventlog.Record) error {
	tx, err := f.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	return tx.(eventlog.Finisher).Finish(ctx, records)
}

// What holds for a unit that is appended whole holds for one that is finished.
func TestFinish(t *testing.T) {
	t.Parallel()
	applicationtest.Appender(t, func(t testing.TB) applicationtest.StoreFixture {
		t.Helper()
		db := forSuite(t)
		return applicationtest.StoreFixture{Store: finishing{db}, Reader: db, Streams: db}
	})
}

func finish(t testing.TB, db *postgres.DB, records ...eventlog.Record) error {
	t.Helper()
	return finishing{db}.AppendUnit(t.Context(), records)
}

func TestFinishTellsTheTruthWhenItsAnswerIsLost(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]cut{"answer lost": cutAfter, "answer lost, commit slow": cutHold, "never arrived": cutBefore} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, db, direct := behindProxy(t)
			for i := range 10 {
				records := []eventlog.Record{event(uuid.NewString(), 1), event(uuid.NewString(), 1)}[i%2:]
				woken := db.Signal().Wait()
				p.next.Store(int32(how))
				err := finish(t, db, records...)
				if how == cutBefore {
					wantNotStored(t, direct, records[0], err)
					continue
				}
				if err != nil || !stored(t, direct, records[0]) {
					t.Errorf("unit %d: %v, stored: %v; want no error and true", i, err, stored(t, direct, records[0]))
				}
				if !isClosed(woken) {
					t.Errorf("unit %d: readers weren't woken", i)
				}
			}
			if p.cuts.Load() != 10 {
				t.Errorf("%d connections cut, want 10", p.cuts.Load())
			}
		})
	}
}

func wantNotStored(t *testing.T, db *postgres.DB, r eventlog.Record, err error) {
	t.Helper()
	is := stored(t, db, r)
	if !errors.Is(err, eventlog.ErrUnavailable) || errors.Is(err, eventlog.ErrOutcomeUnknown) || is {
		t.Errorf("%v, stored: %v; want ErrUnavailable and false", err, is)
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// A context that ends while the append waits for somebody's lock stops it, and the connection serves the next one.
func TestFinishStopsWithItsContext(t *testing.T) {
	t.Parallel()
	db := open(t)
	holder, first := beginTx(t, db), event("a", 1)
	appendTo(t, holder, first)
	ctx, cancel := context.WithCancel(t.Context())
	done, rival := make(chan error, 1), event("a", 1)
	go func() { done <- finishing{db}.AppendUnit(ctx, []eventlog.Record{rival}) }()
	waitFor(t, "the rival to wait", func() bool {
		return queryValue[bool](t, db, `SELECT EXISTS (SELECT FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'EXECUTE%COMMIT')`)
	})
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || errors.Is(err, eventlog.ErrOutcomeUnknown) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if err := holder.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if stored(t, db, rival) {
		t.Error("stored")
	}
	if err := finish(t, db, event("a", 2)); err != nil {
		t.Errorf("the next unit: %v", err)
	}
}

// Texts go as literals: what SQL could misread comes back as it was, whatever the server takes backslashes for.
func TestFinishKeepsOddTexts(t *testing.T) {
	t.Parallel()
	for _, conforming := range []string{"on", "off"} {
		t.Run(conforming, func(t *testing.T) {
			t.Parallel()
			u := migratedURL(t)
			exec(t, openURL(t, u), "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET standard_conforming_strings = "+conforming+
				"', current_database()); END $$")
			db := openURL(t, u)
			odd := `it's \ a "text" \' ; COMMIT; -- $1 ` + "\n\té日"
			var want []eventlog.Record
			for range 2 {
				r := event(uuid.NewString()+odd, 1)
				r.CorrelationID, r.Actor, r.Metadata = odd, odd, map[string]string{odd: odd}
				r.Payload = []byte(`{"text":"it's \\ \" a \n"}`)
				want = append(want, r)
			}
			if err := errors.Join(finish(t, db, want[0]), finish(t, db, want...)); !errors.Is(err, postgres.ErrDuplicateEvent) {
				t.Errorf("got %v, want ErrDuplicateEvent of the first", err)
			}
			if err := finish(t, db, want[1]); err != nil {
				t.Fatal(err)
			}
			for _, w := range want {
				got := lastOf(t, db, w)
				if got.ID != w.ID || got.CorrelationID != odd || got.Actor != odd || got.Metadata[odd] != odd || !bytes.Equal(got.Payload, w.Payload) {
					t.Errorf("got %+v, want %+v", got, w)
				}
			}
		})
	}
}

// lastOf returns the last event of the aggregate that r is of.
func lastOf(t testing.TB, db *postgres.DB, r eventlog.Record) (last eventlog.Record) {
	t.Helper()
	for e, err := range db.Stream(t.Context(), nil, r.AggregateType, r.AggregateID, 0) {
		if err != nil {
			t.Fatal(err)
		}
		last = e
	}
	return last
}

// A session that lost its prepared statements, as behind a pooler, makes them anew.
func TestBeginPreparesAnew(t *testing.T) {
	t.Parallel()
	db := openConfig(t, postgres.Config{URL: migratedURL(t), MaxConns: 1})
	if err := finish(t, db, event("a", 1)); err != nil {
		t.Fatal(err)
	}
	exec(t, db, "DEALLOCATE ALL")
	if err := finish(t, db, event("a", 2)); err != nil {
		t.Errorf("after the statements were lost: %v", err)
	}
}
