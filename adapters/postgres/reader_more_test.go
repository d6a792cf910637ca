package postgres_test

import (
	"testing"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/relaying"
)

// What is committed while a window is read in pages isn't in it, and its wake-up came before the last page was asked
// for: a reader that was told to wait there would sleep until it polls.
func TestLastPageOfAnOlderWindowTellsToAskAgain(t *testing.T) {
	t.Parallel()
	db := open(t)
	l := postgres.NewLaneLog(db)
	one := relaying.Lane{Of: 1}
	store(t, db, events("a", 1, 3)...)
	page := must(db.Read(t.Context(), "", 2))(t)
	lane := must(l.Read(t.Context(), relaying.Query{Lane: one, Records: 2, Bytes: manyBytes}))(t)
	store(t, db, event("a", 4))

	page = must(db.Read(t.Context(), page.Next, 2))(t)
	lane = must(l.Read(t.Context(), relaying.Query{Lane: one, After: lane.Next, Records: 2, Bytes: manyBytes}))(t)
	if len(page.Records) != 1 || !page.More {
		t.Errorf("DB.Read: %v, more %v; want a/3 and more", names(page.Records), page.More)
	}
	if len(lane.Records) != 1 || !lane.More || !lane.Between {
		t.Errorf("LaneLog.Read: %v, more %v, between %v; want a/3, more, between windows", names(lane.Records), lane.More, lane.Between)
	}
	page = must(db.Read(t.Context(), page.Next, 2))(t)
	lane = must(l.Read(t.Context(), relaying.Query{Lane: one, After: lane.Next, Records: 2, Bytes: manyBytes}))(t)
	if len(page.Records) != 1 || page.More || len(lane.Records) != 1 || lane.More {
		t.Errorf("a window that opened with the call: %v, more %v; lane %v, more %v; want a/4 and no more", names(page.Records), page.More,
			names(lane.Records), lane.More)
	}
}
