package postgres_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// now is a cursor of db's log that has passed everything.
func now(t testing.TB, db *postgres.DB) eventlog.Cursor {
	t.Helper()
	c := eventlog.Cursor("")
	for {
		page := must(db.Read(t.Context(), c, 1000))(t)
		if c = page.Next; !page.More {
			return c
		}
	}
}

func change(t testing.TB, m *postgres.RelayMembers, lanes int) {
	t.Helper()
	if err := m.Change(t.Context(), lanes); err != nil {
		t.Fatal(err)
	}
}

// changeTo takes the layout of so many lanes, in that epoch, through all steps of a change.
func changeTo(t testing.TB, m *postgres.RelayMembers, epoch int64, lanes, next int, final eventlog.Cursor) {
	t.Helper()
	change(t, m, next)
	var errs []error
	for lane := range lanes {
		errs = append(errs, m.Hold(t.Context(), epoch, lane, final))
	}
	errs = append(errs, m.Freeze(t.Context(), epoch, final))
	for lane := range lanes {
		errs = append(errs, m.Close(t.Context(), epoch, lane))
	}
	if err := errors.Join(append(errs, m.Advance(t.Context(), epoch))...); err != nil {
		t.Fatal(err)
	}
}

func expectError(t testing.TB, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v doesn't say %q", err, want)
	}
}

func TestRelayChangeRefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	m := postgres.NewRelayMembers(open(t))
	expectError(t, m.Change(t.Context(), 2), "there are no lanes yet")
	beatOf(t, m, "a", 3)
	expectError(t, m.Change(t.Context(), 0), "0 lanes: want 1 to 64")
	expectError(t, m.Change(t.Context(), 65), "65 lanes: want 1 to 64")
	expectError(t, m.Change(t.Context(), 3), "that is the number in force")
	change(t, m, 2)
	expectError(t, m.Change(t.Context(), 2), "a change from 3 to 2 lanes is under way")
	expectError(t, m.Change(t.Context(), 5), "a change from 3 to 2 lanes is under way")
}

func TestRelayChangeStepByStep(t *testing.T) {
	t.Parallel()
	db := open(t)
	m := postgres.NewRelayMembers(db)
	beatOf(t, m, "a", 2)
	final := now(t, db)
	expectError(t, m.Freeze(t.Context(), 1, final), "no change of the layout is under way")
	expectError(t, m.Advance(t.Context(), 1), "freeze it first")
	change(t, m, 3)
	ctx, epoch := t.Context(), int64(1)
	step := func(what string, wantHeld []eventlog.Cursor, wantClosed []bool, wantFinal eventlog.Cursor, errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		got := beatOf(t, m, "a", 2)
		want := relaying.Assignment{
			Layout: relaying.Layout{Epoch: 1, Lanes: 2, Next: 3, Final: wantFinal}, Lanes: []int{0, 1}, Nodes: 1, Held: wantHeld, Closed: wantClosed,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", what, diff)
		}
	}
	begin := postgres.Cursor{}.Text()
	no, yes := []bool{false, false}, []bool{true, true}
	step("asked", []eventlog.Cursor{"", ""}, no, "")
	step("one held", []eventlog.Cursor{"", final}, no, "", m.Hold(ctx, epoch, 1, final), m.Hold(ctx, epoch, 1, final), m.Hold(ctx, 7, 0, final))
	expectError(t, m.Freeze(ctx, epoch, final), "lane 0 has not stopped")
	step("closed too early", []eventlog.Cursor{"", final}, no, "", m.Close(ctx, epoch, 1))
	step("held at the beginning", []eventlog.Cursor{begin, final}, no, "", m.Hold(ctx, epoch, 0, ""))
	expectError(t, m.Freeze(ctx, epoch, ""), "want one between windows")
	step("frozen twice", []eventlog.Cursor{begin, final}, no, final, m.Freeze(ctx, epoch, final), m.Freeze(ctx, epoch, begin), m.Freeze(ctx, 7, begin))
	step("held too late", []eventlog.Cursor{begin, final}, no, final, m.Hold(ctx, epoch, 1, begin))
	step("one closed twice", []eventlog.Cursor{begin, final}, []bool{true, false}, final, m.Close(ctx, epoch, 0), m.Close(ctx, epoch, 0), m.Close(ctx, 7, 1))
	expectError(t, m.Advance(ctx, epoch), "lane 1 has not closed")
	step("all closed", []eventlog.Cursor{begin, final}, yes, final, m.Close(ctx, epoch, 1), m.Advance(ctx, 7))

	if err := errors.Join(m.Advance(ctx, epoch), m.Advance(ctx, epoch), m.Freeze(ctx, epoch, begin), m.Hold(ctx, epoch, 0, begin), m.Close(ctx, epoch, 0)); err != nil {
		t.Fatalf("advanced, and late calls: %v", err)
	}
	if n := queryValue[int](t, db, `SELECT count(*) FROM tenon.relay_lanes WHERE epoch <> 2 OR owner IS NOT NULL OR held <> '' OR closed`); n != 0 {
		t.Errorf("%d leases aren't fresh ones of the new epoch", n)
	}
	want := relaying.Assignment{Layout: relaying.Layout{Epoch: 2, Lanes: 3}, Lanes: []int{0, 1, 2}, Nodes: 1}
	if diff := cmp.Diff(want, beatOf(t, m, "a", 2)); diff != "" {
		t.Errorf("after the change (-want +got):\n%s", diff)
	}
}

// Every node may carry the change on, and beats go on meanwhile: each step happens once.
func TestRelayChangeByManyAtOnce(t *testing.T) {
	t.Parallel()
	rounds := 5
	if torture() {
		rounds = 100
	}
	db := open(t)
	m := postgres.NewRelayMembers(db)
	lanes, final := 4, now(t, db)
	beatOf(t, m, "a", lanes)
	for round := range rounds {
		epoch, next := int64(round+1), 3+(round+lanes)%5
		if next == lanes {
			next++
		}
		change(t, m, next)
		var wg sync.WaitGroup
		for n := range 6 {
			wg.Go(func() {
				for !carryOn(t, m, epoch, string(rune('a'+n)), final) {
				}
			})
		}
		wg.Wait()
		got := queryValue[int](t, db, `SELECT count(*) FROM tenon.relay_lanes l JOIN tenon.relay_layout y USING (epoch) WHERE y.epoch = $1 AND lanes = $2`, epoch+1, next)
		if all := queryValue[int](t, db, `SELECT count(*) FROM tenon.relay_lanes`); got != next || all != next || t.Failed() {
			t.Fatalf("round %d: %d leases of the new epoch, %d in all, want %d", round, got, all, next)
		}
		lanes = next
	}
}

// carryOn does what a beat shows is next, and reports whether the epoch is over.
func carryOn(t testing.TB, m *postgres.RelayMembers, epoch int64, node string, final eventlog.Cursor) bool {
	a := beatOf(t, m, node, 4)
	if a.Layout.Epoch != epoch {
		return true
	}
	var errs []error
	open := false
	for _, lane := range a.Lanes {
		if a.Layout.Final == "" {
			errs = append(errs, m.Hold(t.Context(), epoch, lane, final))
		} else {
			errs = append(errs, m.Close(t.Context(), epoch, lane))
		}
	}
	for i := range a.Held {
		open = open || a.Held[i] == "" || (a.Layout.Final != "" && !a.Closed[i])
	}
	switch {
	case open:
	case a.Layout.Final == "":
		errs = append(errs, m.Freeze(t.Context(), epoch, final))
	default:
		errs = append(errs, m.Advance(t.Context(), epoch))
	}
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
		return true
	}
	return false
}
