package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/domain"
)

// captured returns a migrated database of a server that can be captured.
func captured(t testing.TB) (*postgres.DB, string) {
	t.Helper()
	dsn := embeddedtest.Server(t, embeddedtest.Parameter("wal_level", "logical")).URL()
	db := openURL(t, dsn)
	if err := postgres.Migrate(t.Context(), db, postgres.KernelSchema()); err != nil {
		t.Fatal(err)
	}
	return db, dsn
}

// makeCapture makes a slot and reports whether it is new.
func makeCapture(t testing.TB, c *postgres.Capture) bool {
	t.Helper()
	return must(c.Make(t.Context()))(t)
}

func TestCaptureStreamsWhatIsCommittedFromThenOn(t *testing.T) {
	t.Parallel()
	db, _ := captured(t)
	store(t, db, events("before", 1, 1)...)
	c := postgres.NewCapture(db, "outbox")
	if !makeCapture(t, c) || makeCapture(t, c) {
		t.Error("want one slot made by the first call and none by the second")
	}
	store(t, db, events("after", 1, 1)...)
	exec(t, db, `CREATE TABLE other (t text)`)
	exec(t, db, `INSERT INTO other VALUES ('not published')`)
	changes := func() string {
		return queryValue[string](t, db, `SELECT coalesce(string_agg(encode(data, 'escape'), ' '), '') FROM pg_logical_slot_peek_binary_changes('outbox', NULL, NULL::int,
			'proto_version', '1', 'publication_names', 'tenon_outbox')`)
	}
	got := changes()
	for text, want := range map[string]bool{"after": true, "before": false, "not published": false, "payload": true, "metadata": false, "actor": false} {
		if strings.Contains(got, text) != want {
			t.Errorf("%q is in the stream: %t, want %t\n%s", text, !want, want, got)
		}
	}
}

func TestCaptureKnowsWhetherARelayIsNeeded(t *testing.T) {
	t.Parallel()
	db, _ := captured(t)
	c := postgres.NewCapture(db, "outbox")
	if _, err := c.Status(t.Context()); !errors.Is(err, postgres.ErrNoCapture) {
		t.Errorf("status without a slot: %v, want ErrNoCapture", err)
	}
	store(t, db, events("before", 1, 3)...)
	makeCapture(t, c)
	store(t, db, events("after", 1, 2)...)
	s := must(c.Status(t.Context()))(t)
	if s.Unsent != 3 || s.Active || s.Lost || s.MadeAt.IsZero() || s.Behind == 0 || s.Kept < s.Behind {
		t.Errorf("status %+v, want 3 unsent events from before, nobody reading", s)
	}
	// A relay of Watermill's that has passed everything, as its row says.
	exec(t, db, `INSERT INTO tenon.cursors (name, log, s1) SELECT 'relay', id, pg_current_snapshot() FROM tenon.log_identity`)
	for range 2 {
		store(t, db, events("later", domain.Version(queryValue[int](t, db, `SELECT count(*) + 1 FROM tenon.events WHERE aggregate_id = 'later'`)), 2)...)
		if s := must(c.Status(t.Context()))(t); s.Unsent != 0 {
			t.Errorf("status %+v, want nothing unsent from before", s)
		}
		exec(t, db, `DELETE FROM tenon.cursors`) // what was seen once isn't looked for again
	}
}

func TestCaptureAwaitsTheReader(t *testing.T) {
	t.Parallel()
	db, _ := captured(t)
	c := postgres.NewCapture(db, "outbox")
	makeCapture(t, c)
	store(t, db, events("a", 1, 1)...)
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Await(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("await without a reader: %v, want a deadline", err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Await(t.Context()) }()
	waitFor(t, "the reader's confirmation to be noticed", func() bool {
		exec(t, db, `SELECT pg_logical_emit_message(true, 'x', '')`)
		exec(t, db, `SELECT count(*) FROM pg_logical_slot_get_binary_changes('outbox', NULL, NULL::int, 'proto_version', '1', 'publication_names', 'tenon_outbox')`)
		return len(done) > 0
	})
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestCaptureIsRemovedWithAllThatItLeft(t *testing.T) {
	t.Parallel()
	db, _ := captured(t)
	c := postgres.NewCapture(db, "outbox")
	makeCapture(t, c)
	for range 2 {
		if err := c.Remove(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	left := queryValue[int](t, db, `SELECT (SELECT count(*) FROM pg_replication_slots) + (SELECT count(*) FROM pg_publication) + (SELECT count(*) FROM tenon.captures)`)
	if left != 0 {
		t.Errorf("%d slots, publications or rows are left", left)
	}
	if !makeCapture(t, c) {
		t.Error("no new slot after the old one was removed")
	}
}

func TestCaptureSaysWhatTheServerLacks(t *testing.T) {
	t.Parallel()
	db, dsn := captured(t)
	exec(t, db, `CREATE ROLE weak LOGIN PASSWORD 'weak'`)
	exec(t, db, `GRANT USAGE ON SCHEMA tenon TO weak`)
	u := must(url.Parse(dsn))(t)
	u.User = url.UserPassword("weak", "weak")
	for name, try := range map[string]struct {
		db   *postgres.DB
		says string
	}{
		"wal_level": {open(t), "wal_level"},
		"rights":    {openURL(t, u.String()), "ALTER ROLE ... REPLICATION"},
	} {
		if _, err := postgres.NewCapture(try.db, "outbox").Make(t.Context()); err == nil || !strings.Contains(err.Error(), try.says) {
			t.Errorf("%s: %v, want %q", name, err, try.says)
		}
	}
}
