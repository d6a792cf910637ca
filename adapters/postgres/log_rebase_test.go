package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// placesIn writes a log in which positions, transactions and commits disagree in order, and returns places at which readers
// of it stopped, in windows and between.
func placesIn(t testing.TB, db *postgres.DB) (places []eventlog.Cursor) {
	t.Helper()
	l := postgres.NewLaneLog(db)
	after := eventlog.Cursor("")
	places = append(places, after)
	var slow []eventlog.Tx
	for round := range 14 {
		tx := beginTx(t, db)
		appendTo(t, tx, append(events(fmt.Sprint("slow", round), 1, 3), message("m"))...)
		if slow = append(slow, tx); round%3 == 2 {
			if err := slow[0].Rollback(); err != nil {
				t.Fatal(err)
			}
			commit(t, slow[2])
			commit(t, slow[1])
			slow = nil
		}
		store(t, db, events(fmt.Sprint("quick", round), 1, 2)...)
		for range 2 {
			after = must(l.Read(t.Context(), relaying.Query{Lane: relaying.Lane{Of: 1}, After: after, Records: 2, Bytes: manyBytes}))(t).Next
			places = append(places, after)
		}
	}
	for _, tx := range slow {
		commit(t, tx)
	}
	_, end := drainLane(t, l, relaying.Lane{Of: 1}, after, 3)
	// Two that have each passed what the other hasn't, as after a restored backup.
	for _, key := range []string{"slow1", "slow4"} {
		var xid uint64
		if err := db.Pool().Get(&xid, `SELECT xid::text::numeric::text FROM tenon.events WHERE aggregate_id = $1 LIMIT 1`, key); err != nil {
			t.Fatal(err)
		}
		c := must(postgres.ParseCursor(end))(t)
		c.Before.Running = []uint64{xid}
		places = append(places, c.Text())
	}
	return append(places, end)
}

// left returns what a reader at the place has still to read, sorted, once the versions of each stream are in order.
func left(t testing.TB, db *postgres.DB, place eventlog.Cursor) []string {
	t.Helper()
	records, _ := drainLane(t, postgres.NewLaneLog(db), relaying.Lane{Of: 1}, place, 3)
	newest := make(map[string]eventlog.Record)
	ids := []string{}
	for _, r := range records {
		if before, ok := newest[r.AggregateID]; ok && !r.IsMessage() && r.Version != before.Version+1 {
			t.Errorf("%s/%d comes after %d", r.AggregateID, r.Version, before.Version)
		}
		newest[r.AggregateID] = r
		ids = append(ids, fmt.Sprint(r.Position, r.ID))
	}
	slices.Sort(ids)
	return ids
}

func TestLogRebaseKeepsEveryPlace(t *testing.T) {
	t.Parallel()
	db := openConfig(t, postgres.Config{URL: migratedURL(t), AppName: postgres.LogRebaseApp})
	places := placesIn(t, db)
	log := must(db.LogIdentity(t.Context()))(t)
	want := make([][]string, len(places))
	var lane relaying.State
	for i, place := range places {
		want[i] = left(t, db, place)
		c := must(postgres.ParseCursor(place))(t)
		var s2 any
		if c.IsOpen() {
			s2 = c.Window.String()
		}
		if i%2 == 0 {
			exec(t, db, `INSERT INTO tenon.cursors (name, log, s1, s2, low, position) VALUES ($1, $2, $3, $4, $5, $6)`,
				fmt.Sprint(i), log, c.Before.String(), s2, c.First, c.Position)
		} else {
			exec(t, db, `INSERT INTO tenon.projection_lanes (projection, version, lane, lanes, cursor) VALUES ($1, 1, 0, 1, $2)`,
				fmt.Sprint(i), string(place))
		}
		lane.Parked = append(lane.Parked, relaying.Parked{
			Key: relaying.Key{AggregateID: fmt.Sprint(i)}, Position: int64(i), Since: time.UnixMilli(0).UTC(), After: place,
		})
	}
	if len(want[0]) < 60 || len(want[len(want)-1]) != 0 {
		t.Fatalf("%d events are left at the beginning and %d at the end", len(want[0]), len(want[len(want)-1]))
	}
	lane.Progress = relaying.Progress{Log: log, Timeline: "elsewhere", Epoch: 1, Lane: relaying.Lane{Of: 1}, Cursor: places[9], Batches: 7}

	r := postgres.NewLogRebase(db)
	now := must(r.Do(t.Context(), postgres.LogRebaseOrder{From: log, Lanes: []relaying.State{lane}, By: "anna", Reason: "moved"}))(t)
	if found := must(r.Look(t.Context()))(t); found.Log != now || now == log || found.Needed() || found.Newest > uint64(3+2*len(places)) {
		t.Errorf("found %+v, want log %s with few transactions", found, now)
	}
	added := event("added", 1)
	store(t, db, added)
	stored := must(postgres.NewRelayStore(db).Load(t.Context(), now, 0))(t)
	if p := stored.Progress; p.Batches != 7 || p.Epoch != 1 || p.Timeline == "elsewhere" || len(stored.Parked) != len(places) {
		t.Errorf("the lane's copy is %+v with %d keys", p, len(stored.Parked))
	}
	check := func(name string, place eventlog.Cursor, before []string) {
		t.Helper()
		got := left(t, db, place)
		if !strings.Contains(strings.Join(got, " "), added.ID.String()) {
			t.Errorf("%s: the event that was added isn't left", name)
		}
		got = slices.DeleteFunc(got, func(id string) bool { return strings.HasSuffix(id, added.ID.String()) })
		if diff := cmp.Diff(before, got); diff != "" {
			t.Errorf("%s: left to read (-before +after):\n%s", name, diff)
		}
	}
	check("the lane", stored.Progress.Cursor, want[9])
	for _, k := range stored.Parked {
		check("parked key "+k.AggregateID, k.After, want[k.Position])
	}
	for i := 1; i < len(places); i += 2 {
		check(fmt.Sprint("projection at ", i), eventlog.Cursor(queryValue[string](t, db,
			`SELECT cursor FROM tenon.projection_lanes WHERE projection = $1`, fmt.Sprint(i))), want[i])
	}
	for i := 0; i < len(places); i += 2 {
		var place eventlog.Cursor
		err := db.Pool().Get(&place, `SELECT format('v1/%s/%s/%s/%s/%s', log, s1, s2, low, position) FROM tenon.cursors WHERE name = $1`, fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		check(fmt.Sprint("place ", i), place, want[i])
	}
	if _, err := db.Read(t.Context(), places[9], 1); !errors.Is(err, postgres.ErrForeignCursor) {
		t.Errorf("a cursor of the log as it was: %v, want ErrForeignCursor", err)
	}
	if _, err := db.Pool().Exec(`UPDATE tenon.events SET xid = xid`); err == nil {
		t.Error("events can be changed afterwards")
	}
}

func TestLogRebaseRefuses(t *testing.T) {
	t.Parallel()
	url := migratedURL(t)
	db := openConfig(t, postgres.Config{URL: url, AppName: postgres.LogRebaseApp})
	store(t, db, event("a", 1))
	log := must(db.LogIdentity(t.Context()))(t)
	order := postgres.LogRebaseOrder{From: log, By: "anna", Reason: "moved"}
	refuses := func(o postgres.LogRebaseOrder, want error, says string) {
		t.Helper()
		_, err := postgres.NewLogRebase(db).Do(t.Context(), o)
		if err == nil || want != nil && !errors.Is(err, want) || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %v with %q", err, want, says)
		}
	}
	refuses(postgres.LogRebaseOrder{From: log, Reason: "x"}, nil, "who decides")
	refuses(postgres.LogRebaseOrder{From: log, By: "x"}, nil, "reason")
	refuses(postgres.LogRebaseOrder{From: uuid.New(), By: "x", Reason: "x"}, relaying.ErrLogChanged, log.String())
	writing := beginTx(t, db)
	appendTo(t, writing, event("b", 1))
	refuses(order, postgres.ErrLogInUse, "a transaction has it")
	commit(t, writing)
	program := must(postgres.Open(t.Context(), postgres.Config{URL: url}))(t)
	if err := program.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	refuses(order, postgres.ErrLogInUse, "(tenon): stop every program")
	if err := program.Close(); err != nil {
		t.Fatal(err)
	}
	applicationtest.Eventually(t, func() error { // the server takes note of its end
		_, err := postgres.NewLogRebase(db).Do(t.Context(), postgres.LogRebaseOrder{From: uuid.New(), By: "x", Reason: "x"})
		if errors.Is(err, postgres.ErrLogInUse) {
			return err
		}
		return nil
	})
	members := postgres.NewRelayMembers(db)
	must(members.Beat(t.Context(), "node-a", 1, time.Hour))(t)
	refuses(order, postgres.ErrLogInUse, "relay node-a: stop it, or wait")
	if err := errors.Join(members.Leave(t.Context(), "node-a"), members.Change(t.Context(), 2)); err != nil {
		t.Fatal(err)
	}
	refuses(order, nil, "a change from 1 to 2 lanes is under way")
	if now := must(postgres.NewLogRebase(db).Look(t.Context()))(t); now.Log != log || now.Events != 2 {
		t.Errorf("the log was changed: %+v", now)
	}
}
