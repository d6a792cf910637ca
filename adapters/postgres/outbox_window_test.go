package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/adapters/postgres"
)

func TestSubscriberDeliversWindowsOfEverySize(t *testing.T) {
	t.Parallel()
	const batch = 4
	for _, n := range []int{0, 1, batch - 1, batch, batch + 1, 2 * batch, 2*batch + 1} {
		t.Run(fmt.Sprintf("%d rows in pages of %d", n, batch), func(t *testing.T) {
			t.Parallel()
			db := open(t)
			if n > 0 {
				mustWrite(t, db.Pool(), "a", 1, n)
			}
			s := subscribe(t, db, postgres.SubscriberConfig{Batch: batch})
			want := eventsOf("a", 1, n)
			if diff := cmp.Diff(want, s.ack(n)); diff != "" {
				t.Fatalf("window of %d (-want +got):\n%s", n, diff)
			}
			mustWrite(t, db.Pool(), "b", 1, 1)
			if diff := cmp.Diff(eventsOf("b", 1, 1), s.ack(1)); diff != "" {
				t.Fatalf("the window after it (-want +got):\n%s", diff)
			}
			s.end()
			if closed := queryValue[bool](t, db, `SELECT s2 IS NULL AND position = 0 FROM tenon.cursors`); !closed {
				t.Error("the window is still open after its last record was acked")
			}
		})
	}
}

func TestSubscriberEmptyWindowWritesNothing(t *testing.T) {
	t.Parallel()
	db := open(t)
	s := subscribe(t, db, postgres.SubscriberConfig{PollInterval: time.Millisecond})
	waitFor(t, "the cursor", func() bool { return queryValue[int](t, db, `SELECT count(*) FROM tenon.cursors`) == 1 })
	// Each look locks the row, which shows in xmax; a write would give the row another xmin or place.
	look := `SELECT xmax::text || ' ' || xmin::text || ' ' || ctid::text FROM tenon.cursors`
	place := `SELECT xmin::text || ' ' || ctid::text FROM tenon.cursors`
	before, first := queryValue[string](t, db, look), queryValue[string](t, db, place)
	waitFor(t, "more looks at an empty log", func() bool { return queryValue[string](t, db, look) != before })
	if now := queryValue[string](t, db, place); now != first {
		t.Errorf("the cursor row was rewritten: %s, before %s", now, first)
	}
	s.end()
}

func TestSubscriberResendsNackedBeforeLater(t *testing.T) {
	t.Parallel()
	db := open(t)
	mustWrite(t, db.Pool(), "a", 1, 6)
	s := subscribe(t, db, postgres.SubscriberConfig{Batch: 4})
	s.ack(2)
	for range 3 {
		m := s.next()
		if got := m.Metadata["event"]; got != "a/3" {
			t.Fatalf("after a nack came %s, want a/3 again", got)
		}
		m.Nack()
	}
	if diff := cmp.Diff(eventsOf("a", 3, 4), s.ack(4)); diff != "" {
		t.Errorf("after the nacks (-want +got):\n%s", diff)
	}
}

func TestSubscriberKeepsAcksWhenAMessagePassesItsDeadline(t *testing.T) {
	t.Parallel()
	db := open(t)
	mustWrite(t, db.Pool(), "a", 1, 6)
	s := subscribe(t, db, postgres.SubscriberConfig{Batch: 4, AckDeadline: 300 * time.Millisecond})
	s.ack(2)
	forgotten := s.next()
	if diff := cmp.Diff(eventsOf("a", 3, 4), s.ack(4)); diff != "" {
		t.Errorf("after %s was neither acked nor nacked (-want +got):\n%s", forgotten.Metadata["event"], diff)
	}
}

func TestSubscriberStopKeepsTheAckInHand(t *testing.T) {
	t.Parallel()
	const rounds = 12 // a stop that races with the ack loses it in every fifth or so
	db := open(t)
	mustWrite(t, db.Pool(), "a", 1, 2*rounds+1)
	for round := range rounds {
		s := subscribe(t, db, postgres.SubscriberConfig{Batch: 4})
		got := s.ack(1)
		inHand := s.next()
		s.stop()
		inHand.Ack()
		s.end()
		if diff := cmp.Diff(eventsOf("a", 1+2*round, 2), append(got, inHand.Metadata["event"])); diff != "" {
			t.Fatalf("after stop %d (-want +got):\n%s", round, diff)
		}
	}
}

// A reader that dies within a window must go on in the same window: a record that was committed meanwhile at a lower
// position comes after it, or the pages already handled would have another order.
func TestSubscriberFinishesItsWindowAfterACrash(t *testing.T) {
	t.Parallel()
	db := open(t)
	late := beginSQL(t, db)
	mustWrite(t, late, "late", 1, 2)
	mustWrite(t, db.Pool(), "a", 1, 10)
	crashed := subscribe(t, db, postgres.SubscriberConfig{Batch: 4})
	crashed.ack(5) // a page and one record of the next
	killed := queryValue[int](t, db, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE datname = current_database() AND state = 'idle in transaction' AND query LIKE 'WITH cursor AS%'`)
	if killed != 1 {
		t.Fatalf("ended %d reading transactions, want 1", killed)
	}
	crashed.end()
	if err := late.Commit(); err != nil {
		t.Fatal(err)
	}
	again := subscribe(t, db, postgres.SubscriberConfig{Batch: 4})
	want := append(eventsOf("a", 5, 6), eventsOf("late", 1, 2)...)
	if diff := cmp.Diff(want, again.ack(len(want))); diff != "" {
		t.Errorf("after the crash (-want +got):\n%s", diff)
	}
}
