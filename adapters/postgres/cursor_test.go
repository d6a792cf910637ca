package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
)

func TestSnapshotTrim(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, snapshot, before string
		newest                 uint64
		want                   string
	}{
		{"to the newest event", "5:100:5,40,70", "1:1:", 50, "5:51:5,40"},
		{"the newest event is just below a running one", "5:100:5,51", "1:1:", 50, "5:51:5"},
		{"not below the one before", "5:100:5,40,70", "5:60:5", 50, "5:60:5,40"},
		{"nothing to trim", "5:100:5", "1:1:", 99, "5:100:5"},
		{"nothing running is left", "70:100:70", "1:1:", 50, "51:51:"},
		{"no events at all", "70:100:70", "60:60:", 0, "60:60:"},
	} {
		s, before := must(postgres.ParseSnapshot(tt.snapshot))(t), must(postgres.ParseSnapshot(tt.before))(t)
		if got := s.Trim(before, tt.newest).String(); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestCursorForm(t *testing.T) {
	t.Parallel()
	id := uuid.MustParse("0198c0de-0000-7000-8000-000000000001")
	golden := map[eventlog.Cursor]postgres.Cursor{
		"v1/0198c0de-0000-7000-8000-000000000001/3:9:3,5//0/0": {Log: id, Before: postgres.Snapshot{Xmax: 9, Running: []uint64{3, 5}}},
		"v1/0198c0de-0000-7000-8000-000000000001/9:9:/5:12:5/7/8": {
			Log: id, Before: postgres.Snapshot{Xmax: 9}, Window: postgres.Snapshot{Xmax: 12, Running: []uint64{5}}, First: 7, Position: 8,
		},
	}
	for text, cursor := range golden {
		if got := cursor.Text(); got != text {
			t.Errorf("text %s, want %s", got, text)
		}
		if diff := cmp.Diff(cursor, must(postgres.ParseCursor(text))(t)); diff != "" {
			t.Errorf("%s (-want +parsed):\n%s", text, diff)
		}
	}
}

func FuzzParseCursor(f *testing.F) {
	for _, seed := range []string{"", "v1/0198c0de-0000-7000-8000-000000000001/3:9:3,5/5:12:5/7/8", "v1/x", "v2/a/b/c/d/e", "v1//1:1://0/0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := postgres.ParseCursor(eventlog.Cursor(text))
		if err != nil || text == "" {
			return
		}
		again, err := postgres.ParseCursor(c.Text())
		if diff := cmp.Diff(c, again); err != nil || diff != "" {
			t.Errorf("%q came back as %q, %v:\n%s", text, c.Text(), err, diff)
		}
	})
}

func TestReadRefusesCursors(t *testing.T) {
	t.Parallel()
	db, other := open(t), open(t)
	store(t, db, events("a", 1, 3)...)
	store(t, other, events("a", 1, 3)...)
	exec(t, other, "UPDATE tenon.log_identity SET id = gen_random_uuid()") // both are copies of one template
	_, end := drain(t, other, "", 10)
	inside := must(other.Read(t.Context(), "", 1))(t).Next
	own := must(postgres.ParseCursor(end))(t)
	own.Log = must(db.LogIdentity(t.Context()))(t)
	own.Before = postgres.Snapshot{Xmax: 1 << 40}

	for name, tt := range map[string]struct {
		cursor eventlog.Cursor
		want   string
	}{
		"of another log":                  {end, "it is of log"},
		"inside a window of another log":  {inside, "it is of log"},
		"of a log that was set back":      {own.Text(), "the database was set back"},
		"without its parts":               {"v1/2/3", "want v1/log/before/window/first/position"},
		"of another version":              {"v2" + end[2:], "want v1/log/before/window/first/position"},
		"whose snapshot isn't one":        {"v1/" + eventlog.Cursor(uuid.NewString()) + "/9:3://0/0", "want xmin:xmax"},
		"whose window ends before itself": {"v1/" + eventlog.Cursor(uuid.NewString()) + "/9:9:/3:5:/0/0", "ends before it begins"},
	} {
		page, err := db.Read(t.Context(), tt.cursor, 10)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("cursor %s: %d records, %v; want an error with %q", name, len(page.Records), err, tt.want)
		}
		if foreign := strings.Contains(tt.want, "log") && !strings.Contains(tt.want, "v1"); foreign && !errors.Is(err, postgres.ErrForeignCursor) {
			t.Errorf("cursor %s: %v, want ErrForeignCursor", name, err)
		}
	}
	if _, err := db.Read(t.Context(), "", 0); err == nil || !strings.Contains(err.Error(), "limit 0") {
		t.Errorf("limit 0: %v, want an error", err)
	}
}

func TestReadRefusesLogOfAnotherServer(t *testing.T) {
	t.Parallel()
	db := open(t)
	exec(t, db, `INSERT INTO tenon.events (xid, recorded_at, event_id, schema_version, bucket, topic, aggregate_type, aggregate_id, event_type, payload)
		VALUES ('1099511627776', now(), gen_random_uuid(), 1, 0, 't', '', 'k', 'e', '{}')`)
	if _, err := db.Read(t.Context(), "", 10); err == nil || !strings.Contains(err.Error(), "loaded from another server") {
		t.Errorf("got %v, want an error that says why the event can't be read", err)
	}
}

func TestReadWithoutIdentity(t *testing.T) {
	t.Parallel()
	db := open(t)
	exec(t, db, "DELETE FROM tenon.log_identity")
	if _, err := db.Read(t.Context(), "", 10); err == nil || !strings.Contains(err.Error(), "log_identity is empty") {
		t.Errorf("got %v, want an error that names the table", err)
	}
}
