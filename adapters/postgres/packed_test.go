package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// Pages come packed, with a control character between the columns. A record whose own texts hold it is read like others.
func TestPagesHoldWhatWasAppended(t *testing.T) {
	t.Parallel()
	full := event("full", 1)
	full.SchemaVersion, full.Metadata = 7, map[string]string{"tenant\x1f": "a \"quoted\" \x1f one"}
	full.CorrelationID, full.CausationID, full.Traceparent, full.Actor = "flow", "cause", "00-1-2-01", "somebody"
	full.RecordedAt = time.Date(1969, 7, 20, 20, 17, 40, 123456000, time.UTC)
	split := event("sep\x1farated", 1)
	split.Actor = "\x1f\x1f"
	for name, records := range map[string][]eventlog.Record{
		"an event":                       {event("a", 1)},
		"a message":                      {message("key")},
		"every column filled":            {full},
		"the separator within the texts": {event("a", 1), split, full},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			store(t, db, records...)
			l := postgres.NewLaneLog(db)
			q := relaying.Query{Lane: relaying.Lane{Of: 1}, Records: 100, Bytes: manyBytes}
			lane := relaying.Lane{Number: relaying.LaneOf(eventlog.Bucket(records[0].AggregateID), 8), Of: 8}
			pages := map[string][]eventlog.Record{
				"DB.Read":       must(db.Read(t.Context(), "", 100))(t).Records,
				"bounded lane":  must(l.Read(t.Context(), q))(t).Records,
				"learned lane":  must(l.Read(t.Context(), q))(t).Records,
				"one of eight":  must(l.Read(t.Context(), relaying.Query{Lane: lane, Records: 1, Bytes: manyBytes}))(t).Records,
				"bounded eight": must(postgres.NewLaneLog(db).Read(t.Context(), relaying.Query{Lane: lane, Records: 1, Bytes: manyBytes}))(t).Records,
			}
			for reader, got := range pages {
				want := records
				if strings.Contains(reader, "eight") {
					want = records[:1]
				}
				for i := range got {
					if got[i].Position <= 0 {
						t.Errorf("%s: position %d", reader, got[i].Position)
					}
					got[i].Position = 0
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s:\n%s", reader, diff)
				}
			}
		})
	}
}
