package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/adapters/postgres"
)

// outboxRow is what the tests look at.
type outboxRow struct {
	Event      string
	Sent       bool
	Processed  bool
	RetryCount int
	Error      string
}

// outbox returns the rows of the view that meet the condition, by position.
func outbox(t testing.TB, db *postgres.DB, where string) []outboxRow {
	t.Helper()
	rows := must(db.Pool().QueryContext(t.Context(), `SELECT aggregate_id || '/' || version, sent, processed_at IS NOT NULL,
		retry_count, coalesce(error, '') FROM tenon.outbox WHERE `+where+` ORDER BY position`))(t)
	var all []outboxRow
	for rows.Next() {
		var r outboxRow
		if err := rows.Scan(&r.Event, &r.Sent, &r.Processed, &r.RetryCount, &r.Error); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		t.Fatal(err)
	}
	return all
}

func outboxEvents(rows []outboxRow) []string {
	var names []string
	for _, r := range rows {
		names = append(names, r.Event)
	}
	return names
}

func relayOf(t testing.TB, db *postgres.DB, cfg postgres.SubscriberConfig) *subscribed {
	cfg.Group = postgres.RelayGroup
	return subscribe(t, db, cfg)
}

func TestOutboxBeforeAnyRelayIsUnsent(t *testing.T) {
	t.Parallel()
	db := open(t)
	mustWrite(t, db.Pool(), "a", 1, 3)
	want := []outboxRow{{Event: "a/1"}, {Event: "a/2"}, {Event: "a/3"}}
	if diff := cmp.Diff(want, outbox(t, db, "true")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Within a window the view must follow the position, between windows the snapshot: here a reader stands in the middle of a
// window, one transaction is late and one is still open.
func TestOutboxTellsSentFromUnsentAnywhereInAWindow(t *testing.T) {
	t.Parallel()
	db := open(t)
	late, open := beginSQL(t, db), beginSQL(t, db)
	mustWrite(t, late, "late", 1, 2)
	mustWrite(t, open, "open", 1, 2)
	mustWrite(t, db.Pool(), "a", 1, 10)
	s := relayOf(t, db, postgres.SubscriberConfig{Batch: 4})
	s.ack(6) // a page of four and two of the next
	inHand := s.next()
	s.stop()
	inHand.Nack()
	s.end()
	if err := late.Commit(); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, db.Pool(), "b", 1, 1)

	if diff := cmp.Diff(eventsOf("a", 1, 6), outboxEvents(outbox(t, db, "sent"))); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	unsent := append(eventsOf("late", 1, 2), append(eventsOf("a", 7, 4), "b/1")...)
	if diff := cmp.Diff(unsent, outboxEvents(outbox(t, db, "NOT sent"))); diff != "" {
		t.Errorf("not sent (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(unsent, outboxEvents(outbox(t, db, "processed_at IS NULL"))); diff != "" {
		t.Errorf("not processed (-want +got):\n%s", diff)
	}
	again := relayOf(t, db, postgres.SubscriberConfig{Batch: 4})
	again.ack(len(unsent))
	again.end()
	for _, r := range outbox(t, db, "true") {
		if !r.Sent || !r.Processed {
			t.Errorf("%s after everything was acked: sent %t, processed %t", r.Event, r.Sent, r.Processed)
		}
	}
}

// What was under way when the relay's last window was opened is older than most of what is sent.
func TestOutboxShowsALateTransactionAsUnsent(t *testing.T) {
	t.Parallel()
	db := open(t)
	late := beginSQL(t, db)
	mustWrite(t, late, "late", 1, 2)
	mustWrite(t, db.Pool(), "a", 1, 3)
	s := relayOf(t, db, postgres.SubscriberConfig{})
	s.ack(3)
	s.end()
	if err := late.Commit(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(eventsOf("late", 1, 2), outboxEvents(outbox(t, db, "NOT sent"))); diff != "" {
		t.Errorf("not sent (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(eventsOf("a", 1, 3), outboxEvents(outbox(t, db, "sent"))); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(eventsOf("late", 1, 2), outboxEvents(outbox(t, db, "aggregate_id = 'late'"))); diff != "" {
		t.Errorf("by aggregate (-want +got):\n%s", diff)
	}
}

func TestOutboxTimeIsThatOfTheBatch(t *testing.T) {
	t.Parallel()
	db := open(t)
	mustWrite(t, db.Pool(), "a", 1, 6)
	s := relayOf(t, db, postgres.SubscriberConfig{Batch: 2})
	s.ack(6)
	s.end()
	wrong := queryValue[int](t, db, `SELECT count(*) FROM tenon.outbox o
		JOIN tenon.relay_batches b ON o.position > b.after_position AND o.position <= b.last_position
		WHERE o.processed_at IS DISTINCT FROM b.confirmed_at`)
	batches := queryValue[int](t, db, `SELECT count(DISTINCT processed_at) FROM tenon.outbox`)
	if wrong != 0 || batches != 3 {
		t.Errorf("%d records have another time than their batch; %d times, want 3", wrong, batches)
	}
}

func TestOutboxForgetsTimesButNotThatARecordIsSent(t *testing.T) {
	t.Parallel()
	const kept, all = 10, 600 // more than two rounds of pruning
	db := open(t)
	mustWrite(t, db.Pool(), "a", 1, all)
	s := relayOf(t, db, postgres.SubscriberConfig{Batch: 1, History: kept})
	s.ack(all)
	s.end()
	if n := queryValue[int](t, db, `SELECT count(*) FROM tenon.relay_batches`); n < kept || n > all/2 {
		t.Errorf("%d batches are kept, want %d to %d", n, kept, all/2)
	}
	rows := outbox(t, db, "true")
	for i, r := range rows {
		if !r.Sent || (i >= all-kept && !r.Processed) || (i < all/3 && r.Processed) {
			t.Errorf("%s: sent %t, time known %t", r.Event, r.Sent, r.Processed)
		}
	}
	if len(rows) != all {
		t.Errorf("%d rows, want %d", len(rows), all)
	}
}

func TestOutboxShowsFailuresOfUnsentRecords(t *testing.T) {
	t.Parallel()
	db := open(t)
	mustWrite(t, db.Pool(), "a", 1, 2)
	first := queryValue[int64](t, db, `SELECT min(position) FROM tenon.events`)
	failures := postgres.NewFailures(db)
	for n := 1; n <= 3; n++ {
		cause := fmt.Errorf("attempt %d: no \x00 leader \xff", n)
		if err := failures.Failed(t.Context(), first, n, cause); err != nil {
			t.Fatal(err)
		}
	}
	want := []outboxRow{{Event: "a/1", RetryCount: 3, Error: "attempt 3: no  leader ?"}, {Event: "a/2"}}
	if diff := cmp.Diff(want, outbox(t, db, "true")); diff != "" {
		t.Errorf("while it fails (-want +got):\n%s", diff)
	}
	if err := failures.Failed(t.Context(), first, 0, nil); err != nil {
		t.Fatal(err)
	}
	want[0].RetryCount, want[0].Error = 0, ""
	if diff := cmp.Diff(want, outbox(t, db, "true")); diff != "" {
		t.Errorf("when it is out (-want +got):\n%s", diff)
	}
}

func TestFailuresSweepNotesThatNobodyRenews(t *testing.T) {
	t.Parallel()
	db := open(t)
	failures := postgres.NewFailures(db)
	for position := range int64(3) {
		if err := failures.Failed(t.Context(), position+1, 2, errors.New(strings.Repeat("long ", 1000))); err != nil {
			t.Fatal(err)
		}
	}
	exec(t, db, `UPDATE tenon.relay_failures SET updated_at = $1 WHERE position < 3`, time.Now().Add(-2*time.Hour))
	if err := failures.Failed(t.Context(), 9, 1, nil); err != nil {
		t.Fatal(err)
	}
	if n := queryValue[string](t, db, `SELECT string_agg(position::text, ',' ORDER BY position) FROM tenon.relay_failures`); n != "3,9" {
		t.Errorf("notes left at positions %s, want 3,9", n)
	}
}
