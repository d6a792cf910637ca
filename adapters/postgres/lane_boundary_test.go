package postgres_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// readUntil reads a lane's last window.
func readUntil(t testing.TB, l *postgres.LaneLog, lane relaying.Lane, from, final eventlog.Cursor, limit int) []eventlog.Record {
	t.Helper()
	var all []eventlog.Record
	for after := must(l.Until(t.Context(), from, final))(t); ; {
		page := must(l.Read(t.Context(), relaying.Query{Lane: lane, After: after, Records: limit, Bytes: manyBytes}))(t)
		all, after = append(all, page.Records...), page.Next
		if page.Between {
			if after != final {
				t.Errorf("the last window ends at %s, want %s", after, final)
			}
			return all
		}
	}
}

func TestFreezeCutsTheLog(t *testing.T) {
	t.Parallel()
	db := open(t)
	l := postgres.NewLaneLog(db)
	one := relaying.Lane{Of: 1}
	store(t, db, event("a", 1))
	late := beginTx(t, db)
	appendTo(t, late, event("late", 1))
	read, held := drainLane(t, l, one, "", 10)
	store(t, db, event("a", 2))
	final := must(l.Freeze(t.Context(), []eventlog.Cursor{held, ""}))(t)
	commit(t, late)
	store(t, db, event("a", 3))
	for from, want := range map[eventlog.Cursor][]string{held: {"a/2"}, "": {"a/1", "a/2"}, final: {}} {
		if diff := cmp.Diff(want, names(readUntil(t, l, one, from, final, 1))); diff != "" {
			t.Errorf("from %q until the cut (-want +read):\n%s", from, diff)
		}
	}
	rest, _ := drainLane(t, l, one, final, 1)
	if diff := cmp.Diff([]string{"late/1", "a/3"}, names(rest)); diff != "" || len(read) != 1 {
		t.Errorf("after the cut (-want +read):\n%s", diff)
	}
}

// The end of an empty log isn't its beginning: what is committed later doesn't belong to the last window.
func TestFreezeAnEmptyLog(t *testing.T) {
	t.Parallel()
	one := relaying.Lane{Of: 1}
	for _, isHeld := range []bool{false, true} {
		db := open(t)
		l := postgres.NewLaneLog(db)
		var held []eventlog.Cursor
		if isHeld {
			held = []eventlog.Cursor{"", must(l.Read(t.Context(), relaying.Query{Lane: one, Records: 1, Bytes: 1}))(t).Next}
		}
		final := must(l.Freeze(t.Context(), held))(t)
		store(t, db, event("a", 1))
		for _, from := range append(held, "") {
			if got := readUntil(t, l, one, from, final, 10); len(got) > 0 {
				t.Errorf("from %q until the end of the empty log %v were read", from, names(got))
			}
		}
		if rest, _ := drainLane(t, l, one, final, 10); len(rest) != 1 {
			t.Errorf("from the end of the empty log %v were read", names(rest))
		}
	}
}

// A lane that is taken again may be inside a window, the last one or one before: it is read to its end.
func TestUntilGoesOnInAWindow(t *testing.T) {
	t.Parallel()
	db := open(t)
	l := postgres.NewLaneLog(db)
	one := relaying.Lane{Of: 1}
	store(t, db, events("a", 1, 3)...)
	inside := must(l.Read(t.Context(), relaying.Query{Lane: one, Records: 1, Bytes: manyBytes}))(t).Next
	store(t, db, events("a", 4, 2)...)
	final := must(l.Freeze(t.Context(), []eventlog.Cursor{""}))(t)
	store(t, db, event("a", 6))
	last := must(l.Read(t.Context(), relaying.Query{Lane: one, After: must(l.Until(t.Context(), "", final))(t), Records: 2, Bytes: manyBytes}))(t).Next
	for from, want := range map[eventlog.Cursor][]string{inside: {"a/2", "a/3"}, last: {"a/3", "a/4", "a/5"}} {
		if got := must(l.Until(t.Context(), from, final))(t); got != from {
			t.Errorf("inside a window the last one begins at %s, want %s", got, from)
		}
		page := must(l.Read(t.Context(), relaying.Query{Lane: one, After: from, Records: 10, Bytes: manyBytes}))(t)
		if diff := cmp.Diff(want, names(page.Records)); diff != "" || !page.Between {
			t.Errorf("from %s (-want +read), between %t:\n%s", from, page.Between, diff)
		}
	}
}

// A held cursor may have passed transactions above the newest event: the cut has too, or its lane would go back.
func TestFreezePassesWhatHeldCursorsPassed(t *testing.T) {
	t.Parallel()
	db := open(t)
	l := postgres.NewLaneLog(db)
	store(t, db, event("a", 1))
	near := relayed(t, l).Cursor
	for range 5 {
		exec(t, db, "SELECT pg_current_xact_id()")
	}
	far := must(postgres.ParseCursor(near))(t)
	far.Before = must(postgres.ParseSnapshot(queryValue[string](t, db, "SELECT pg_current_snapshot()")))(t)
	for _, held := range [][]eventlog.Cursor{{near, far.Text()}, {far.Text(), near}} {
		final := must(l.Freeze(t.Context(), held))(t)
		if got := must(postgres.ParseCursor(final))(t).Before; got.Xmax < far.Before.Xmax {
			t.Errorf("cut at %s, a lane is at %s already", got, far.Before)
		}
	}
	trimmed := must(postgres.ParseCursor(must(l.Freeze(t.Context(), []eventlog.Cursor{near}))(t)))(t)
	if newest := queryValue[uint64](t, db, "SELECT max(xid::text::bigint) FROM tenon.events"); trimmed.Before.Xmax != newest+1 {
		t.Errorf("cut at %s, the newest event is of %d: not trimmed", trimmed.Before, newest)
	}
}

func TestBoundaryRefusesCursors(t *testing.T) {
	t.Parallel()
	db := open(t)
	l := postgres.NewLaneLog(db)
	store(t, db, events("a", 1, 3)...)
	inside := must(l.Read(t.Context(), relaying.Query{Lane: relaying.Lane{Of: 1}, Records: 1, Bytes: manyBytes}))(t).Next
	end := relayed(t, l).Cursor
	before := must(postgres.ParseCursor(end))(t)
	before.Before.Xmax--
	store(t, db, event("b", 1))
	later := relayed(t, l).Cursor
	ended := must(postgres.ParseCursor(later))(t) // has seen a transaction that the cut hasn't
	runs := ended
	runs.Before.Running = []uint64{ended.Before.Xmax - 1}
	for name, tt := range map[string]struct {
		call func() (eventlog.Cursor, error)
		want string
	}{
		"freeze inside a window": {func() (eventlog.Cursor, error) { return l.Freeze(t.Context(), []eventlog.Cursor{end, inside}) }, "is inside a window"},
		"freeze nonsense":        {func() (eventlog.Cursor, error) { return l.Freeze(t.Context(), []eventlog.Cursor{"x"}) }, "v1/log"},
		"until before a window's end": {
			func() (eventlog.Cursor, error) { return l.Until(t.Context(), inside, before.Text()) },
			"ends after the final",
		},
		"until the inside":     {func() (eventlog.Cursor, error) { return l.Until(t.Context(), end, inside) }, "is inside a window"},
		"until the beginning":  {func() (eventlog.Cursor, error) { return l.Until(t.Context(), end, "") }, "is the beginning"},
		"until an earlier cut": {func() (eventlog.Cursor, error) { return l.Until(t.Context(), later, end) }, "has passed more"},
		"until a cut that hasn't seen as much": {
			func() (eventlog.Cursor, error) { return l.Until(t.Context(), later, runs.Text()) },
			"has passed more",
		},
	} {
		if got, err := tt.call(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %q, %v; want an error with %q", name, got, err, tt.want)
		}
	}
}
