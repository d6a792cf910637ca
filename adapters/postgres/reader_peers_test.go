package postgres_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/adapters/postgres"
)

// The cursors that everybody writes first, to show what they do where ours doesn't.

// byPosition returns what the cursor "position > last" reads, and where it is then.
func byPosition(t testing.TB, db *postgres.DB, last int64) ([]string, int64) {
	t.Helper()
	return readNames(t, db, `SELECT position, aggregate_id || '/' || version FROM tenon.events WHERE position > $1 ORDER BY position`, last)
}

// byHorizon returns what the cursor over (xid, position) reads that waits for the oldest transaction, from the
// beginning on.
func byHorizon(t testing.TB, db *postgres.DB) []string {
	t.Helper()
	got, _ := readNames(t, db, `SELECT position, aggregate_id || '/' || version FROM tenon.events
		WHERE xid < pg_snapshot_xmin(pg_current_snapshot()) AND position > $1 ORDER BY xid, position`, 0)
	return got
}

func readNames(t testing.TB, db *postgres.DB, query string, last int64) ([]string, int64) {
	t.Helper()
	rows := must(db.Pool().QueryContext(t.Context(), query, last))(t)
	defer rows.Close()
	var got []string
	for rows.Next() {
		var position int64
		var name string
		if err := rows.Scan(&position, &name); err != nil {
			t.Fatal(err)
		}
		got, last = append(got, name), max(last, position)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return got, last
}

func TestReaderFindsWhatThePositionCursorLoses(t *testing.T) {
	t.Parallel()
	db := open(t)
	slow := beginTx(t, db)
	appendTo(t, slow, event("slow", 1))
	store(t, db, event("quick", 1))

	naive, last := byPosition(t, db, 0)
	ours, cursor := drain(t, db, "", 10)
	commit(t, slow)
	naiveLater, _ := byPosition(t, db, last)
	oursLater, _ := drain(t, db, cursor, 10)

	if got := slices.Concat(naive, naiveLater); slices.Contains(got, "slow/1") {
		t.Errorf("position cursor read %v: it didn't lose the late event, so this test shows nothing", got)
	}
	if diff := cmp.Diff([]string{"quick/1", "slow/1"}, append(names(ours), names(oursLater)...)); diff != "" {
		t.Errorf("reader (-committed +read):\n%s", diff)
	}
}

func TestReaderGoesOnWhereTheHorizonCursorStalls(t *testing.T) {
	t.Parallel()
	db, elsewhere := open(t), open(t)
	held := beginTx(t, elsewhere) // in another database, with nothing of ours
	if _, err := postgres.SQL(held).ExecContext(t.Context(), "CREATE TABLE public.t ()"); err != nil {
		t.Fatal(err)
	}
	store(t, db, event("a", 1))
	if got := byHorizon(t, db); len(got) != 0 {
		t.Errorf("horizon cursor read %v beside an open transaction: it didn't stall, so this test shows nothing", got)
	}
	if got, _ := drain(t, db, "", 10); len(got) != 1 {
		t.Errorf("reader found %v, want a/1", names(got))
	}
}

func TestReaderKeepsOrderWhereTheHorizonCursorBreaksIt(t *testing.T) {
	t.Parallel()
	db := open(t)
	early := beginTx(t, db)
	if _, err := postgres.SQL(early).ExecContext(t.Context(), "SELECT pg_current_xact_id()"); err != nil {
		t.Fatal(err)
	}
	store(t, db, event("a", 1))
	appendTo(t, early, event("a", 2)) // after it saw version 1, under an older xid
	commit(t, early)
	waitFor(t, "other tests' transactions to end", func() bool { return len(byHorizon(t, db)) == 2 })
	if got := byHorizon(t, db); slices.IsSorted(got) {
		t.Errorf("horizon cursor read %v: in order, so this test shows nothing", got)
	}
	got, _ := drain(t, db, "", 10)
	if diff := cmp.Diff([]string{"a/1", "a/2"}, names(got)); diff != "" {
		t.Errorf("reader (-committed +read):\n%s", diff)
	}
}

// A reader that was inside a window when the late event came must not meet it before what precedes it.
func TestReaderKeepsOrderAcrossWindows(t *testing.T) {
	t.Parallel()
	db := open(t)
	early := beginTx(t, db)
	if _, err := postgres.SQL(early).ExecContext(t.Context(), "SELECT pg_current_xact_id()"); err != nil {
		t.Fatal(err)
	}
	store(t, db, events("a", 1, 3)...)
	page := must(db.Read(t.Context(), "", 2))(t)
	appendTo(t, early, event("a", 4))
	commit(t, early)
	store(t, db, event("a", 5))
	rest, _ := drain(t, db, page.Next, 2)
	if diff := cmp.Diff([]string{"a/1", "a/2", "a/3", "a/4", "a/5"}, append(names(page.Records), names(rest)...)); diff != "" {
		t.Errorf("(-committed +read):\n%s", diff)
	}
	again, _ := drain(t, db, "", 1)
	if diff := cmp.Diff([]string{"a/1", "a/2", "a/3", "a/4", "a/5"}, names(again)); diff != "" {
		t.Errorf("from the beginning (-committed +read):\n%s", diff)
	}
}
