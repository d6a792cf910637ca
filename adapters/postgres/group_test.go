package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// held returns a DB of one connection, which a transaction holds until release is called: what is appended meanwhile is
// queued.
func held(t *testing.T) (db *postgres.DB, release func()) {
	t.Helper()
	db = openConfig(t, postgres.Config{URL: migratedURL(t), MaxConns: 1})
	tx := beginTx(t, db)
	return db, func() {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}
}

// queue appends each unit in a goroutine of its own, in that order, and returns their answers.
func queue(ctx context.Context, t *testing.T, db *postgres.DB, units ...[]eventlog.Record) []<-chan error {
	t.Helper()
	answers := make([]<-chan error, len(units))
	for i, records := range units {
		before := db.Queued()
		answer := make(chan error, 1)
		go func() { answer <- db.AppendUnit(ctx, records) }()
		waitFor(t, "the unit to be queued", func() bool { return db.Queued() == before+1 })
		answers[i] = answer
	}
	return answers
}

func wantStored(t *testing.T, answers ...<-chan error) {
	t.Helper()
	for i, answer := range answers {
		if err := <-answer; err != nil {
			t.Errorf("unit %d: %v", i, err)
		}
	}
}

func TestGroupTakesAllThatIsQueued(t *testing.T) {
	t.Parallel()
	db, release := held(t)
	var units [][]eventlog.Record
	for i := range 20 {
		units = append(units, events(fmt.Sprint("o", 100-i), 1, 2))
	}
	answers := queue(t.Context(), t, db, units...)
	woken := db.Signal().Wait()
	release()
	wantStored(t, answers...)
	if s := db.GroupStats(); s.Statements != 1 || s.Units != 20 || s.Alone != 0 {
		t.Errorf("%+v, want 20 units in one statement", s)
	}
	select {
	case <-woken:
	default:
		t.Error("readers weren't woken")
	}
	got, _ := drain(t, db, "", 100)
	for i, r := range got {
		if want := units[i/2][i%2]; r.ID != want.ID {
			t.Fatalf("place %d has %s %d: positions aren't in the order in which units came", i, r.AggregateID, r.Version)
		}
	}
}

func TestGroupHoldsOneUnitPerAggregate(t *testing.T) {
	t.Parallel()
	db, release := held(t)
	answers := queue(t.Context(), t, db, events("a", 1, 1), events("a", 1, 1), append(events("b", 1, 1), events("a", 2, 1)...), events("b", 2, 1))
	release()
	wantStored(t, answers[0], answers[2], answers[3])
	conflict, ok := errors.AsType[*domain.ConflictError](<-answers[1])
	if want := (domain.ConflictError{Type: "order", ID: "a", Expected: 0, Actual: 1}); !ok || *conflict != want {
		t.Errorf("the second got %v, want %v", conflict, &want)
	}
	if s := db.GroupStats(); s.Alone != 0 {
		t.Errorf("%+v, want no unit alone: none of them met another in its statement", s)
	}
}

func TestGroupIsBounded(t *testing.T) {
	t.Parallel()
	big := event("big", 1)
	big.Payload = []byte(`"` + strings.Repeat("x", 3<<20) + `"`)
	other := big
	other.ID, other.AggregateID = uuid.New(), "other"
	for name, units := range map[string][][]eventlog.Record{
		"by records":     {events("a", 1, 600), events("b", 1, 600)},
		"by bytes":       {{big}, {other}},
		"but not a unit": {events("a", 1, 5000), events("b", 1, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, release := held(t)
			answers := queue(t.Context(), t, db, units...)
			release()
			wantStored(t, answers...)
			if s := db.GroupStats(); s.Statements != 2 || s.Units != 2 {
				t.Errorf("%+v, want a statement for each unit", s)
			}
		})
	}
}

func TestQueuedUnitLeavesWithItsContext(t *testing.T) {
	t.Parallel()
	db, release := held(t)
	first := queue(t.Context(), t, db, events("a", 1, 1))
	ctx, cancel := context.WithCancel(t.Context())
	gone := events("b", 1, 1)
	leaving := queue(ctx, t, db, gone)
	last := queue(t.Context(), t, db, events("c", 1, 1))
	cancel()
	if err := <-leaving[0]; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	release()
	wantStored(t, first[0], last[0])
	if stored(t, db, gone[0]) {
		t.Error("stored although its caller had left")
	}
}

func TestCloseFailsWhatIsQueued(t *testing.T) {
	t.Parallel()
	db, release := held(t)
	unit := events("a", 1, 1)
	answers := queue(t.Context(), t, db, unit, events("b", 1, 1))
	closed := make(chan error, 1)
	go func() { closed <- db.Close() }()
	for _, answer := range answers {
		if err := <-answer; err == nil || errors.Is(err, eventlog.ErrOutcomeUnknown) || !strings.Contains(err.Error(), "closed") {
			t.Errorf("queued: %v, want an error that says closed", err)
		}
	}
	release()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if err := db.AppendUnit(t.Context(), unit); err == nil {
		t.Error("a closed DB appends")
	}
}

// Somebody's open transaction holds up who writes to the same aggregate. The others of the group don't wait for it.
func TestGroupPartsWhenOneUnitIsHeldUp(t *testing.T) {
	t.Parallel()
	db := open(t)
	tx := beginTx(t, db)
	appendTo(t, tx, event("a", 1))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	late := make(chan error, 1)
	unit := events("a", 1, 1)
	go func() { late <- db.AppendUnit(ctx, unit) }()
	waitFor(t, "it to wait by itself", func() bool { return db.GroupStats().Alone == 1 && waiting(t, db) == 1 })
	if err := db.AppendUnit(t.Context(), events("b", 1, 1)); err != nil {
		t.Error(err)
	}
	cancel() // nothing is stored, so that its own context ends it
	if err := <-late; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Error(err)
	}
	if stored(t, db, unit[0]) {
		t.Error("stored")
	}
}

func TestUnitThatCollidesWithItselfFailsAlone(t *testing.T) {
	t.Parallel()
	db, release := held(t)
	first := event("x", 1)
	twin := event("y", 1)
	twin.ID = first.ID
	answers := queue(t.Context(), t, db, events("a", 1, 1), []eventlog.Record{event("b", 1), event("b", 1)}, []eventlog.Record{first},
		[]eventlog.Record{twin}, events("c", 1, 1))
	release()
	wantStored(t, answers[0], answers[4])
	if err := <-answers[1]; err == nil || !strings.Contains(err.Error(), "twice in one unit") {
		t.Errorf("got %v, want what is wrong with the unit", err)
	}
	one, other := <-answers[2], <-answers[3]
	if (one == nil) == (other == nil) || !errors.Is(errors.Join(one, other), postgres.ErrDuplicateEvent) {
		t.Errorf("got %v and %v, want one stored and the other ErrDuplicateEvent", one, other)
	}
}

// An event id that is another aggregate's is a mistake of the unit that brings it, which is told so although its own version is
// free; what is stored stays as it is.
func TestEventIDOfAnotherAggregateFailsItsUnitAlone(t *testing.T) {
	t.Parallel()
	db, release := held(t)
	theirs := event("theirs", 1)
	release()
	store(t, db, theirs)
	for name, spoil := range map[string]func(*eventlog.Record){
		"another aggregate":            func(r *eventlog.Record) { r.AggregateID = "mine" },
		"another type":                 func(r *eventlog.Record) { r.AggregateType = "invoice" },
		"another version":              func(r *eventlog.Record) { r.Version = 2 },
		"a message of that key":        func(r *eventlog.Record) { r.Version, r.AggregateType = 0, "" },
		"another aggregate, and moved": func(r *eventlog.Record) { r.AggregateID = "moved" },
	} {
		t.Run(name, func(t *testing.T) {
			moved := event("moved "+name, 1)
			store(t, db, moved)
			tx := beginTx(t, db)
			unit := theirs
			spoil(&unit)
			if unit.AggregateID == "moved" {
				unit.AggregateID = moved.AggregateID // the version is taken too
			}
			answers := queue(t.Context(), t, db, events("a "+name, 1, 1), []eventlog.Record{unit}, events("b "+name, 1, 1), events(moved.AggregateID, 1, 1))
			if err := tx.Rollback(); err != nil {
				t.Fatal(err)
			}
			wantStored(t, answers[0], answers[2])
			if err := <-answers[1]; !errors.Is(err, postgres.ErrDuplicateEvent) || errors.Is(err, domain.ErrConflict) || !strings.Contains(err.Error(), theirs.ID.String()) {
				t.Errorf("got %v, want ErrDuplicateEvent with the id", err)
			}
			if err := <-answers[3]; !errors.Is(err, domain.ErrConflict) || errors.Is(err, postgres.ErrDuplicateEvent) {
				t.Errorf("who is late: %v, want a conflict", err)
			}
		})
	}
	if n := queryValue[int](t, db, "SELECT count(*) FROM tenon.events WHERE event_id = $1 AND aggregate_id = 'theirs' AND version = 1", theirs.ID); n != 1 {
		t.Errorf("%d rows of the first event as it was, want 1", n)
	}
}

func TestUnitStoredTwiceIsStoredOnce(t *testing.T) {
	t.Parallel()
	db := open(t)
	unit := append(events("a", 1, 2), message("m"))
	for range 2 {
		if err := db.AppendUnit(t.Context(), unit); err != nil {
			t.Error(err)
		}
	}
	if err := db.AppendUnit(t.Context(), append(unit, event("a", 3))); !errors.Is(err, postgres.ErrDuplicateEvent) {
		t.Errorf("half a unit again: %v, want ErrDuplicateEvent", err)
	}
	if got, _ := drain(t, db, "", 10); len(got) != 3 {
		t.Errorf("%d records, want 3", len(got))
	}
}
