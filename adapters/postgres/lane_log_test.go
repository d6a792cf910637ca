package postgres_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

const manyBytes = 1 << 30

// drainLane reads a lane from the cursor on until nothing is left.
func drainLane(t testing.TB, l *postgres.LaneLog, lane relaying.Lane, after eventlog.Cursor, limit int) ([]eventlog.Record, eventlog.Cursor) {
	t.Helper()
	var all []eventlog.Record
	for {
		page := must(l.Read(t.Context(), relaying.Query{Lane: lane, After: after, Records: limit, Bytes: manyBytes}))(t)
		all, after = append(all, page.Records...), page.Next
		if !page.More && len(page.Records) == 0 {
			return all, after
		}
	}
}

func TestLanesDivideTheLog(t *testing.T) {
	t.Parallel()
	db := open(t)
	l := postgres.NewLaneLog(db)
	slow := beginTx(t, db)
	for i := range 20 {
		appendTo(t, slow, events(fmt.Sprint("late", i), 1, 2)...)
		store(t, db, events(fmt.Sprint("a", i), 1, 3)...)
	}
	var cursors [4]eventlog.Cursor
	got := map[string]int{}
	read := func(i int) {
		records, next := drainLane(t, l, relaying.Lane{Number: i, Of: len(cursors)}, cursors[i], 5)
		for _, r := range records {
			if lane := relaying.LaneOf(eventlog.Bucket(r.AggregateID), len(cursors)); lane != i {
				t.Errorf("record of lane %d in lane %d", lane, i)
			}
		}
		for _, name := range names(records) {
			got[name]++
		}
		cursors[i] = next
	}
	for i := range cursors {
		read(i)
	}
	commit(t, slow)
	for i := range cursors {
		read(i)
	}
	whole, _ := drain(t, db, "", 100)
	want := map[string]int{}
	for _, name := range names(whole) {
		want[name] = 1
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-committed +read):\n%s", diff)
	}
}

func TestOneLaneReadsWhatReadReads(t *testing.T) {
	t.Parallel()
	db := open(t)
	store(t, db, events("a", 1, 7)...)
	l := postgres.NewLaneLog(db)
	for _, limit := range []int{1, 3, 6, 7, 8} {
		var after, next eventlog.Cursor
		for {
			want := must(db.Read(t.Context(), after, limit))(t)
			got := must(l.Read(t.Context(), relaying.Query{Lane: relaying.Lane{Of: 1}, After: next, Records: limit, Bytes: manyBytes}))(t)
			between := !must(postgres.ParseCursor(want.Next))(t).IsOpen()
			whole := relaying.Page{Records: want.Records, Next: got.Next, More: want.More, Between: between} // other tests' transactions may have begun
			if len(want.Records) == 0 {
				whole.Records = got.Records
			}
			if diff := cmp.Diff(whole, got); diff != "" {
				t.Fatalf("pages of %d (-DB.Read +LaneLog.Read):\n%s", limit, diff)
			}
			if after, next = want.Next, got.Next; !want.More {
				break
			}
		}
	}
}

func TestLaneReadRefusesQueries(t *testing.T) {
	t.Parallel()
	l := postgres.NewLaneLog(open(t))
	for want, q := range map[string]relaying.Query{
		"lane 0 of 0":  {Records: 1, Bytes: 1},
		"lane 2 of 2":  {Lane: relaying.Lane{Number: 2, Of: 2}, Records: 1, Bytes: 1},
		"lane 0 of 65": {Lane: relaying.Lane{Of: 65}, Records: 1, Bytes: 1},
		"0 records":    {Lane: relaying.Lane{Of: 1}, Bytes: 1},
		"0 bytes":      {Lane: relaying.Lane{Of: 1}, Records: 1},
		"v1/log":       {Lane: relaying.Lane{Of: 1}, After: "x", Records: 1, Bytes: 1},
	} {
		if _, err := l.Read(t.Context(), q); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
		}
	}
}
