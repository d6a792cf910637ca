package postgres_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// laneEvents names the events 1 to n of those of the aggregates that are in the lane.
func laneEvents(aggregates []string, n, lane, of int) []string {
	var names []string
	for _, a := range aggregates {
		if relaying.LaneOf(eventlog.Bucket(a), of) == lane {
			names = append(names, eventsOf(a, 1, n)...)
		}
	}
	return names
}

func someAggregates(t testing.TB, db *postgres.DB, n, events int) []string {
	t.Helper()
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("agg-%d", i))
		mustWrite(t, db.Pool(), all[i], 1, events)
	}
	return all
}

func TestOutboxFollowsEachLane(t *testing.T) {
	t.Parallel()
	for _, of := range []int{1, 3} {
		t.Run(fmt.Sprint(of), func(t *testing.T) {
			t.Parallel()
			db := open(t)
			all := someAggregates(t, db, 12, 2)
			end := now(t, db)
			report(t, boardOf(t, db), relaying.Report{
				Progress: progressOf(t, db, of-1, of, 1, 1, end), Spans: []relaying.Span{{To: end, Records: 8}},
			})
			rows := outbox(t, db, "sent")
			if diff := cmp.Diff(laneEvents(all, 2, of-1, of), outboxEvents(rows)); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
			if slices.ContainsFunc(rows, func(r outboxRow) bool { return !r.Processed }) {
				t.Errorf("the time of some is unknown: %v", rows)
			}
			if got, want := len(outbox(t, db, "NOT sent")), 24-len(rows); got != want {
				t.Errorf("%d are not sent, want %d", got, want)
			}
		})
	}
}

func TestOutboxOfALaneInsideAWindow(t *testing.T) {
	t.Parallel()
	db := open(t)
	mustWrite(t, db.Pool(), "a", 1, 5)
	half := must(db.Read(t.Context(), "", 3))(t).Next
	report(t, boardOf(t, db), relaying.Report{
		Progress: progressOf(t, db, 0, 1, 1, 1, half), Spans: []relaying.Span{{To: half, Records: 3}},
	})
	mustWrite(t, db.Pool(), "b", 1, 1)
	if diff := cmp.Diff(eventsOf("a", 1, 3), outboxEvents(outbox(t, db, "sent AND processed_at IS NOT NULL"))); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a/4", "a/5", "b/1"}, outboxEvents(outbox(t, db, "NOT sent"))); diff != "" {
		t.Errorf("not sent (-want +got):\n%s", diff)
	}
}

func TestOutboxHoldsBackWhatIsParked(t *testing.T) {
	t.Parallel()
	db := open(t)
	mustWrite(t, db.Pool(), "a", 1, 3)
	mustWrite(t, db.Pool(), "b", 1, 1)
	second := queryValue[int64](t, db, `SELECT position FROM tenon.events WHERE aggregate_id = 'a' AND version = 2`)
	report(t, boardOf(t, db), relaying.Report{
		Progress: progressOf(t, db, 0, 1, 1, 1, now(t, db)), Parked: []relaying.Parked{parkedKey("a", second)}, ParkedChanged: true,
	})
	want := []outboxRow{
		{Event: "a/1", Sent: true},
		{Event: "a/2", RetryCount: 2, Error: "too large"},
		{Event: "a/3", RetryCount: 2, Error: "too large"},
		{Event: "b/1", Sent: true},
	}
	if diff := cmp.Diff(want, outbox(t, db, "true")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOutboxAfterAChangeOfTheLayout(t *testing.T) {
	t.Parallel()
	db := open(t)
	m, b := postgres.NewRelayMembers(db), boardOf(t, db)
	beatOf(t, m, "n", 2)
	all := someAggregates(t, db, 12, 2)
	end := now(t, db)
	key := parkedKey(all[0], 1)
	key.Key.AggregateID = all[0]
	for lane := range 2 {
		r := relaying.Report{Progress: progressOf(t, db, lane, 2, 1, 1, end), Spans: []relaying.Span{{To: end, Records: 8}}}
		if r.ParkedChanged = relaying.LaneOf(eventlog.Bucket(all[0]), 2) == lane; r.ParkedChanged {
			r.Parked = []relaying.Parked{key}
		}
		report(t, b, r)
	}
	changeTo(t, m, 1, 2, 3, end)
	mustWrite(t, db.Pool(), all[1], 3, 1)
	if diff := cmp.Diff(append(eventsOf(all[0], 1, 2), all[1]+"/3"), outboxEvents(outbox(t, db, "NOT sent"))); diff != "" {
		t.Errorf("not sent (-want +got):\n%s", diff)
	}
	if got := len(outbox(t, db, "sent AND processed_at IS NOT NULL")); got != 22 {
		t.Errorf("%d are sent at a known time, want 22", got)
	}
}
