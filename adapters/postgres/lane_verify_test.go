package postgres_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// relayed returns a progress that has passed all of the log.
func relayed(t testing.TB, l *postgres.LaneLog) relaying.Progress {
	t.Helper()
	id := must(l.Identify(t.Context()))(t)
	records, end := drainLane(t, l, relaying.Lane{Of: 1}, "", 100)
	p := relaying.Progress{Log: id.Log, Timeline: id.Timeline, Epoch: 1, Lane: relaying.Lane{Of: 1}, Cursor: end}
	if len(records) > 0 {
		last := records[len(records)-1]
		p.Last = relaying.Mark{Position: last.Position, Event: last.ID}
	}
	return p
}

func TestVerifyAcceptsTheLogThatWasRelayed(t *testing.T) {
	t.Parallel()
	db := open(t)
	l := postgres.NewLaneLog(db)
	empty := relayed(t, l)
	store(t, db, events("a", 1, 3)...)
	full := relayed(t, l)
	inside := full
	inside.Cursor = must(l.Read(t.Context(), relaying.Query{Lane: relaying.Lane{Of: 1}, Records: 2, Bytes: manyBytes}))(t).Next
	promoted := full
	promoted.Timeline = "00000007" // but the last record is there
	for name, p := range map[string]relaying.Progress{
		"never relayed": {}, "empty": empty, "full": full, "inside a window": inside, "promoted": promoted,
	} {
		if err := l.Verify(t.Context(), p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVerifyRefusesAnotherLog(t *testing.T) {
	t.Parallel()
	db := open(t)
	l := postgres.NewLaneLog(db)
	store(t, db, events("a", 1, 3)...)
	good := relayed(t, l)
	c := must(postgres.ParseCursor(good.Cursor))(t)
	ahead := c
	ahead.Before = postgres.Snapshot{Xmax: 1 << 40}
	aheadInside := c
	aheadInside.Window = postgres.Snapshot{Xmax: 1 << 40}
	foreign := c
	foreign.Log = uuid.New()
	for name, tt := range map[string]struct {
		change func(p *relaying.Progress)
		want   string
	}{
		"other identity":    {func(p *relaying.Progress) { p.Log = uuid.New() }, "this is log " + good.Log.String()},
		"cursor of another": {func(p *relaying.Progress) { p.Cursor = foreign.Text() }, "the cursor is of log"},
		"S1 in the future":  {func(p *relaying.Progress) { p.Cursor = ahead.Text() }, "up to transaction 1099511627775, the server is at"},
		"S2 in the future":  {func(p *relaying.Progress) { p.Cursor = aheadInside.Text() }, "up to transaction 1099511627775, the server is at"},
		"record missing":    {func(p *relaying.Progress) { p.Last.Position += 100 }, "isn't there"},
		"another record":    {func(p *relaying.Progress) { p.Last.Event = uuid.New() }, "is there now"},
		"no proof": {func(p *relaying.Progress) { p.Timeline, p.Last = "00000009", relaying.Mark{} }, `on timeline "00000009" and is on "` +
			good.Timeline + `"`},
	} {
		p := good
		tt.change(&p)
		err := l.Verify(t.Context(), p)
		if !errors.Is(err, relaying.ErrLogChanged) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "`tenon relay rebase`") {
			t.Errorf("%s: %v, want ErrLogChanged with %q and the way out", name, err, tt.want)
		}
	}
}

func TestVerifyAndReadRefuseRowsOfAnotherServer(t *testing.T) {
	t.Parallel()
	db := open(t)
	l := postgres.NewLaneLog(db)
	store(t, db, event("a", 1))
	p := relayed(t, l)
	exec(t, db, `INSERT INTO tenon.events (xid, recorded_at, version, event_id, schema_version, bucket, topic, aggregate_type, aggregate_id, event_type, payload)
		VALUES ('1099511627776', now(), 2, gen_random_uuid(), 1, 0, 't', 'order', 'a', 'order.noted', '{}')`)
	_, readErr := l.Read(t.Context(), relaying.Query{Lane: relaying.Lane{Of: 1}, After: p.Cursor, Records: 1, Bytes: 1})
	for name, err := range map[string]error{"verify": l.Verify(t.Context(), p), "verify anew": l.Verify(t.Context(), relaying.Progress{}), "read": readErr} {
		if !errors.Is(err, relaying.ErrLogChanged) || !strings.Contains(err.Error(), "`tenon log rebase`") {
			t.Errorf("%s: %v, want ErrLogChanged and the way out", name, err)
		}
	}
}

func TestLaneLogRefusesForeignCursors(t *testing.T) {
	t.Parallel()
	db := open(t)
	l := postgres.NewLaneLog(db)
	store(t, db, event("a", 1))
	foreign := must(postgres.ParseCursor(relayed(t, l).Cursor))(t)
	foreign.Log = uuid.New()
	_, read := l.Read(t.Context(), relaying.Query{Lane: relaying.Lane{Of: 1}, After: foreign.Text(), Records: 1, Bytes: 1})
	_, withheld := l.Withheld(t.Context(), relaying.WithheldQuery{Passed: foreign.Text(), Records: 1, Bytes: 1})
	_, freeze := l.Freeze(t.Context(), []eventlog.Cursor{foreign.Text()})
	_, until := l.Until(t.Context(), foreign.Text(), relayed(t, l).Cursor)
	for name, err := range map[string]error{"read": read, "withheld": withheld, "freeze": freeze, "until": until} {
		if !errors.Is(err, relaying.ErrLogChanged) || !errors.Is(err, postgres.ErrForeignCursor) {
			t.Errorf("%s: %v, want ErrLogChanged and ErrForeignCursor", name, err)
		}
	}
}

// Each statement must do for a role that may only use the kernel's tables.
func TestLaneLogNeedsNoPrivileges(t *testing.T) {
	t.Parallel()
	server, db := ownServer(t)
	store(t, db, event("a", 1))
	exec(t, db, "CREATE ROLE plain LOGIN PASSWORD 'plain'; GRANT USAGE ON SCHEMA tenon TO plain; GRANT SELECT ON ALL TABLES IN SCHEMA tenon TO plain")
	u := must(url.Parse(server.URL()))(t)
	u.User = url.UserPassword("plain", "plain")
	plain := openURL(t, u.String())
	if user := queryValue[string](t, plain, "SELECT current_user || ' ' || (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)"); user != "plain false" {
		t.Fatalf("connected as %s", user)
	}
	l := postgres.NewLaneLog(plain)
	p := relayed(t, l)
	if len(p.Timeline) != 8 || p.Last.IsZero() {
		t.Errorf("timeline %q, last %v", p.Timeline, p.Last)
	}
	if err := l.Verify(t.Context(), p); err != nil {
		t.Error(err)
	}
}

func TestFaultVerifyWaitsForAServerThatIsDown(t *testing.T) {
	t.Parallel()
	server := embeddedtest.Server(t)
	db := openURL(t, server.URL())
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := postgres.NewLaneLog(db).Verify(t.Context(), relaying.Progress{}); !errors.Is(err, eventlog.ErrUnavailable) {
		t.Errorf("%v, want ErrUnavailable", err)
	}
}
