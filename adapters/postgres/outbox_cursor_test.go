package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/adapters/postgres"
)

// A crash of PostgreSQL hands out again the xids of aborted transactions whose records weren't flushed: a cursor that
// called them seen would lose the events that are later committed under them.
func TestSubscriberTrimsItsSnapshotToTheNewestEvent(t *testing.T) {
	t.Parallel()
	db := open(t)
	s := subscribe(t, db, postgres.SubscriberConfig{Batch: 3})
	for n := range 3 {
		burn := beginSQL(t, db)
		running := beginSQL(t, db)
		must(running.ExecContext(t.Context(), `SELECT pg_current_xact_id()`))(t)
		mustWrite(t, db.Pool(), "a", 1+2*n, 2)
		must(burn.ExecContext(t.Context(), `SELECT pg_current_xact_id()`))(t)
		if err := burn.Rollback(); err != nil {
			t.Fatal(err)
		}
		s.ack(2)
		waitFor(t, "the window's end", func() bool {
			return queryValue[int](t, db, `SELECT count(*) FROM tenon.cursors WHERE s2 IS NULL
				AND (SELECT bool_and(pg_visible_in_snapshot(xid, s1)) FROM tenon.events)`) == 1
		})
		above := queryValue[int](t, db, `SELECT pg_snapshot_xmax(s1)::text::bigint - (SELECT max(xid::text::bigint) FROM tenon.events)
			FROM tenon.cursors`)
		if above != 1 {
			t.Errorf("round %d: the cursor calls %d xids above the newest event's seen or running", n, above-1)
		}
	}
}

func TestSubscriberRefusesTheCursorOfAnotherLog(t *testing.T) {
	t.Parallel()
	db := open(t)
	mustWrite(t, db.Pool(), "a", 1, 3)
	exec(t, db, `INSERT INTO tenon.cursors (name, log, s1) VALUES ('readers', gen_random_uuid(), '1:1:')`)
	expectRefusal(t, db)
}

func TestSubscriberRefusesACursorAheadOfTheLog(t *testing.T) {
	t.Parallel()
	db := open(t)
	mustWrite(t, db.Pool(), "a", 1, 3)
	exec(t, db, `INSERT INTO tenon.cursors (name, log, s1) SELECT 'readers', id, '9999999:9999999:' FROM tenon.log_identity`)
	expectRefusal(t, db)
}

// expectRefusal waits until health refuses the cursor, and checks that the way out which the error names is one.
func expectRefusal(t *testing.T, db *postgres.DB) {
	t.Helper()
	s := subscribe(t, db, postgres.SubscriberConfig{})
	waitFor(t, "health to refuse the cursor", func() bool { return errors.Is(s.from.Health(), postgres.ErrForeignCursor) })
	select {
	case m := <-s.messages:
		t.Fatalf("%s was delivered with a foreign cursor", m.Metadata["event"])
	default:
	}
	exec(t, db, `DELETE FROM tenon.cursors`)
	if diff := cmp.Diff(eventsOf("a", 1, 3), s.ack(3)); diff != "" {
		t.Errorf("from the beginning (-want +got):\n%s", diff)
	}
	if err := s.from.Health(); err != nil {
		t.Errorf("health after the cure: %v", err)
	}
}

func TestSubscriberConfigIsChecked(t *testing.T) {
	t.Parallel()
	_, err := postgres.NewSubscriber(open(t), postgres.SubscriberConfig{
		Batch: -1, History: -1, PollInterval: -1, RetryMax: -1, AckDeadline: -1,
	})
	if err == nil {
		t.Fatal("a configuration without anything right was taken")
	}
	for _, field := range []string{"Group", "Unmarshal", "Batch", "History", "PollInterval", "RetryMax", "AckDeadline"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%s isn't named in: %v", field, err)
		}
	}
}
