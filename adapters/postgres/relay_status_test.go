package postgres_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

func TestRelayStatusBeforeAnyRelay(t *testing.T) {
	t.Parallel()
	db := open(t)
	mustWrite(t, db.Pool(), "a", 1, 3)
	desk := postgres.NewRelayDesk(db)
	if s := must(desk.Status(t.Context()))(t); s.Layout.Lanes != 0 || len(s.Lanes) != 0 {
		t.Errorf("status %+v, want none", s)
	}
	if _, ran, err := desk.Watermill(t.Context()); ran || err != nil {
		t.Errorf("the group ran: %t, error %v", ran, err)
	}
}

// The lag must be what tenon.outbox calls unsent, wherever a lane is: between windows, inside one, not reported at all,
// with a transaction that was under way.
func TestRelayStatusCountsTheLagOfEachLane(t *testing.T) {
	t.Parallel()
	for _, of := range []int{1, 3} {
		t.Run(fmt.Sprint(of), func(t *testing.T) {
			t.Parallel()
			db := open(t)
			beatOf(t, postgres.NewRelayMembers(db), "n", of)
			late := beginSQL(t, db)
			mustWrite(t, late, "late", 1, 2)
			someAggregates(t, db, 12, 2)
			half := must(db.Read(t.Context(), "", 9))(t).Next
			end := now(t, db)
			report(t, boardOf(t, db), relaying.Report{Progress: progressOf(t, db, 0, of, 1, 7, half)})
			if of > 1 {
				report(t, boardOf(t, db), relaying.Report{Progress: progressOf(t, db, 1, of, 1, 1, end)})
			}
			if err := late.Commit(); err != nil {
				t.Fatal(err)
			}
			mustWrite(t, db.Pool(), "new", 1, 3)
			s := must(postgres.NewRelayDesk(db).Status(t.Context()))(t)
			for _, l := range s.Lanes {
				inLane := fmt.Sprintf(`NOT sent AND position IN (SELECT position FROM tenon.events WHERE ((bucket + 1) * %d - 1) / 1024 = %d)`, of, l.Lane)
				if got := len(outbox(t, db, inLane)); got != l.Lag.Events || l.Lag.More || (got == 0) != l.Lag.Oldest.IsZero() {
					t.Errorf("lag of lane %d is %+v, the outbox has %d", l.Lane, l.Lag, got)
				}
			}
			oldest := queryValue[int](t, db, `SELECT count(*) FROM tenon.outbox WHERE NOT sent AND created_at < $1`, s.Lanes[0].Lag.Oldest)
			if total := s.Total(); total.Events == 0 || of == 1 && oldest != 0 {
				t.Errorf("total %+v, %d are older than the oldest", total, oldest)
			}
			first := s.Lanes[0]
			if len(s.Lanes) != of || first.Owner != "n" || first.LeaseEnds.IsZero() || first.Batches != 7 || first.Last != 5 || first.ReportedAt.IsZero() {
				t.Errorf("status %+v", s)
			}
		})
	}
}

func TestRelayStatusOfALaneThatNobodyHas(t *testing.T) {
	t.Parallel()
	db := open(t)
	m := postgres.NewRelayMembers(db)
	beatOf(t, m, "n", 2)
	expire(t, db, "n")
	change(t, m, 5)
	s := must(postgres.NewRelayDesk(db).Status(t.Context()))(t)
	if s.Layout.Next != 5 || s.Lanes[1].Owner != "" || !s.Lanes[1].LeaseEnds.IsZero() {
		t.Errorf("status %+v", s)
	}
}

// A heartbeat has no records, and what the batch before took is still the newest that is known.
func TestRelayStatusTellsWhatACommitTakes(t *testing.T) {
	t.Parallel()
	db := open(t)
	beatOf(t, postgres.NewRelayMembers(db), "n", 2)
	for batches, took := range []time.Duration{0, 3 * time.Millisecond, 0, 7 * time.Millisecond, 0} {
		report(t, boardOf(t, db), relaying.Report{Progress: progressOf(t, db, 1, 2, 1, int64(batches+1), ""), Commit: took})
	}
	s := must(postgres.NewRelayDesk(db).Status(t.Context()))(t)
	if none, some := s.Lanes[0].Commit, s.Lanes[1].Commit; none != 0 || some != 7*time.Millisecond {
		t.Errorf("commits took %s and %s, want 0 and 7ms", none, some)
	}
}

func TestRelayLagStopsCounting(t *testing.T) {
	t.Parallel()
	db := open(t)
	beatOf(t, postgres.NewRelayMembers(db), "n", 1)
	mustWrite(t, db.Pool(), "a", 1, 10)
	for most, more := range map[int]bool{9: true, 10: false} {
		lag := must(postgres.LagUpTo(t.Context(), db, most))(t)
		if lag.Events != most || lag.More != more {
			t.Errorf("lag %+v with a limit of %d", lag, most)
		}
	}
}

// Behind a large log the lag costs what is unsent.
func TestRelayLagPlan(t *testing.T) {
	t.Parallel()
	transactions := 8_000
	if torture() {
		transactions = 330_000
	}
	db := open(t)
	beatOf(t, postgres.NewRelayMembers(db), "n", 3)
	exec(t, db, fmt.Sprintf(spreadSQL, transactions, "many"))
	end := now(t, db)
	for lane := range 3 {
		report(t, boardOf(t, db), relaying.Report{Progress: progressOf(t, db, lane, 3, 1, 1, end)})
	}
	exec(t, db, fmt.Sprintf(spreadSQL, 10, "tail"))
	exec(t, db, "VACUUM ANALYZE tenon.events")
	for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
		explain(t, db, mode, postgres.LagSQL(), 100_000).checkMost(t, 400)
	}
	if lag := must(postgres.LagUpTo(t.Context(), db, 100_000))(t); lag.Events == 0 || lag.Events > 30 {
		t.Errorf("lag of lane 0 is %d, want some of 30", lag.Events)
	}
}

func TestRelayDeskAsksAboutParkedKeysOnly(t *testing.T) {
	t.Parallel()
	db := open(t)
	beatOf(t, postgres.NewRelayMembers(db), "n", 1)
	mustWrite(t, db.Pool(), "a", 1, 3)
	second := queryValue[int64](t, db, `SELECT position FROM tenon.events WHERE aggregate_id = 'a' AND version = 2`)
	report(t, boardOf(t, db), relaying.Report{
		Progress: progressOf(t, db, 0, 1, 1, 1, now(t, db)), Parked: []relaying.Parked{parkedKey("a", second), parkedKey("b", 9)}, ParkedChanged: true,
	})
	mustWrite(t, db.Pool(), "a", 4, 1) // not passed yet: it isn't held back but unsent
	desk := postgres.NewRelayDesk(db)
	want := []relaying.HeldBack{{Parked: parkedKey("a", second), Records: 2}, {Parked: parkedKey("b", 9)}}
	if diff := cmp.Diff(want, must(desk.Parked(t.Context(), 10))(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	a := relaying.Key{AggregateType: "thing", AggregateID: "a"}
	_, unknown := desk.Retry(t.Context(), relaying.Key{AggregateType: "thing", AggregateID: "x"}, "me")
	if !errors.Is(unknown, relaying.ErrNotParked) {
		t.Errorf("error %v, want ErrNotParked", unknown)
	}
	_, err := desk.Skip(t.Context(), a, "me", " ")
	expectError(t, err, "reason is missing")
	_, err = desk.Retry(t.Context(), a, "")
	expectError(t, err, "who asks is missing")
	skip := must(desk.Skip(t.Context(), a, "me", "too large"))(t)
	if skip.Event != want[0].Event || skip.Kind != relaying.RequestSkip || skip.Reason != "too large" || skip.By != "me" {
		t.Errorf("request %+v", skip)
	}
	_, err = desk.Retry(t.Context(), a, "you")
	expectError(t, err, fmt.Sprintf("request %d (skip, by me) is open", skip.ID))
	rest := must(desk.RetryAll(t.Context(), "you"))(t)
	if len(rest) != 1 || rest[0].Key.AggregateID != "b" {
		t.Errorf("retry of all asked %+v, want b alone", rest)
	}
	board := boardOf(t, db)
	if got := must(board.Requests(t.Context(), []int{0}, 1))(t); len(got) != 2 || got[0] != skip {
		t.Errorf("the relay is asked %+v", got)
	}
	if err := board.Done(t.Context(), skip.ID, "no luck"); err != nil {
		t.Fatal(err)
	}
	all := must(desk.Requests(t.Context(), 10))(t)
	if len(all) != 2 || all[0].ID != rest[0].ID || !all[0].DoneAt.IsZero() || all[1].Outcome != "no luck" || all[1].DoneAt.IsZero() {
		t.Errorf("requests %+v", all)
	}
}

func TestRelayHandOverNeverGoesAhead(t *testing.T) {
	t.Parallel()
	db := open(t)
	desk := postgres.NewRelayDesk(db)
	mustWrite(t, db.Pool(), "a", 1, 2)
	s := relayOf(t, db, postgres.SubscriberConfig{})
	s.ack(2)
	s.end()
	mustWrite(t, db.Pool(), "a", 3, 5)
	from := must(boardOf(t, db).Origin(t.Context(), 0))(t)
	half := must(db.Read(t.Context(), from, 3))(t).Next
	beatOf(t, postgres.NewRelayMembers(db), "n", 1)
	report(t, boardOf(t, db), relaying.Report{Progress: progressOf(t, db, 0, 1, 1, 1, half)})
	if err := desk.HandOver(t.Context()); !errors.Is(err, eventlog.ErrUnavailable) {
		t.Errorf("error %v while the lane has an owner, want ErrUnavailable", err)
	}
	expire(t, db, "n")
	for range 2 { // the second does nothing
		if err := desk.HandOver(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"a/6", "a/7"}, outboxEvents(outbox(t, db, "NOT sent"))); diff != "" {
		t.Errorf("not sent (-want +got):\n%s", diff)
	}
	g, ran, err := desk.Watermill(t.Context())
	if err != nil || !ran || g.Lag.Events != 2 {
		t.Errorf("group %+v, ran %t, error %v; want a lag of 2", g, ran, err)
	}
	again := relayOf(t, db, postgres.SubscriberConfig{})
	if diff := cmp.Diff([]string{"a/6", "a/7"}, again.ack(2)); diff != "" {
		t.Errorf("comes next (-want +got):\n%s", diff)
	}
	again.end()
	if err := desk.HandOver(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := outbox(t, db, "NOT sent"); len(left) != 0 {
		t.Errorf("a handover after the relay went on sets it back: %v", left)
	}
}

func TestRelayHandOverRefusesWhatWouldLoseRecords(t *testing.T) {
	t.Parallel()
	db := open(t)
	desk, m := postgres.NewRelayDesk(db), postgres.NewRelayMembers(db)
	refused := func(want string) {
		t.Helper()
		err := desk.HandOver(t.Context())
		expectError(t, err, want)
		if !errors.Is(err, relaying.ErrLanes) || queryValue[int](t, db, `SELECT count(*) FROM tenon.cursors`) != 0 {
			t.Errorf("error %v, want ErrLanes and no cursor", err)
		}
	}
	beatOf(t, m, "n", 2)
	expire(t, db, "n")
	someAggregates(t, db, 12, 2)
	end := now(t, db)
	report(t, boardOf(t, db), relaying.Report{Progress: progressOf(t, db, 0, 2, 1, 1, end)})
	report(t, boardOf(t, db), relaying.Report{Progress: progressOf(t, db, 1, 2, 1, 1, end)})
	refused("`tenon relay lanes 1`")
	changeTo(t, m, 1, 2, 1, end)
	report(t, boardOf(t, db), relaying.Report{
		Progress: progressOf(t, db, 0, 1, 2, 1, end), Parked: []relaying.Parked{parkedKey("agg-1", 1)}, ParkedChanged: true,
	})
	refused("1 keys are parked")
	exec(t, db, `DELETE FROM tenon.relay_parked`)
	change(t, m, 3)
	refused("a change to 3 lanes is under way")
	exec(t, db, `UPDATE tenon.relay_layout SET next = 0`)
	if err := desk.HandOver(t.Context()); err != nil {
		t.Error(err)
	}
}
