package applicationtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// Appender tests eventlog.Appender, which the fixture's Store must be: each caller's records are stored or not, as it was told,
// whatever became of others'.
func Appender(t *testing.T, fixture func(t testing.TB) StoreFixture) {
	t.Helper()
	runChecks(t, fixture, appenderChecks())
}

func appenderChecks() []check[StoreFixture] {
	return []check[StoreFixture]{
		{"a unit's records are seen when it returns", unitSeen},
		{"a unit of no records has no effect", unitOfNothing},
		{"positions of a unit appended whole rise in the order given", unitInOrder},
		{"a unit of a thousand events is stored", unitOfThousand},
		{"a unit at a taken version is a conflict", unitConflict},
		{"after a conflict nothing of a unit is stored", unitConflictStoresNothing},
		{"a unit with invalid JSON is refused and the event named", unitInvalid},
		{"a cancelled context stores nothing", unitCancelled},
		{"an appender keeps none of the caller's memory", unitSharesNothing},
		{"one unit's conflict fails no other", conflictsStayAtHome},
		{"of concurrent units exactly one wins each version", oneUnitWins},
		{"concurrent units are read in the order of their versions", unitsInVersionOrder},
		{"no unit is appended to a guarded aggregate", unitWaitsForGuard},
		{"an open transaction holds up only who meets it", othersGoOn},
	}
}

func appenderOf(f StoreFixture) eventlog.Appender {
	a, ok := f.Store.(eventlog.Appender)
	if !ok {
		return notAppending{}
	}
	return a
}

// notAppending stands for a store that doesn't append.
type notAppending struct{}

func (notAppending) AppendUnit(context.Context, []eventlog.Record) error {
	return errors.New("the store is no eventlog.Appender")
}

func unitSeen(ctx context.Context, f StoreFixture) error {
	want := append(events("a", 1, 3), event("b", 1), message("a"))
	if err := appenderOf(f).AppendUnit(ctx, want); err != nil {
		return err
	}
	all, _, err := drain(ctx, f.Reader, "", 2)
	return errors.Join(err, sameRecords(want, all))
}

func unitOfNothing(ctx context.Context, f StoreFixture) error {
	return errors.Join(appenderOf(f).AppendUnit(ctx, nil), seen(ctx, f, "a"))
}

func unitInOrder(ctx context.Context, f StoreFixture) error {
	want := []eventlog.Record{event("z", 1), message("m"), event("a", 1), event("z", 2), event("a", 2), message("a")}
	if err := appenderOf(f).AppendUnit(ctx, want); err != nil {
		return err
	}
	got, _, err := drain(ctx, f.Reader, "", 10)
	if err != nil {
		return err
	}
	for i := 1; i < len(got); i++ {
		if got[i].Position <= got[i-1].Position {
			return fmt.Errorf("position %d follows %d", got[i].Position, got[i-1].Position)
		}
	}
	return sameRecords(want, got)
}

func unitOfThousand(ctx context.Context, f StoreFixture) error {
	want := events("a", 1, 1500)
	return errors.Join(appenderOf(f).AppendUnit(ctx, want), seen(ctx, f, "a", want...))
}

func unitConflict(ctx context.Context, f StoreFixture) error {
	if err := appenderOf(f).AppendUnit(ctx, events("a", 1, 3)); err != nil {
		return err
	}
	err := appenderOf(f).AppendUnit(ctx, events("a", 2, 3))
	return wantConflict(err, domain.ConflictError{Type: "thing", ID: "a", Expected: 1, Actual: 3})
}

func unitConflictStoresNothing(ctx context.Context, f StoreFixture) error {
	first := event("b", 1)
	if err := appenderOf(f).AppendUnit(ctx, []eventlog.Record{first}); err != nil {
		return err
	}
	err := appenderOf(f).AppendUnit(ctx, []eventlog.Record{event("a", 1), message("m"), event("b", 1), event("c", 1)})
	return errors.Join(wantConflict(err, domain.ConflictError{Type: "thing", ID: "b", Expected: 0, Actual: 1}), seen(ctx, f, "b", first))
}

func unitInvalid(ctx context.Context, f StoreFixture) error {
	bad := event("bad", 1)
	bad.Payload = []byte("{")
	err := appenderOf(f).AppendUnit(ctx, []eventlog.Record{event("good", 1), bad})
	if err == nil || !strings.Contains(err.Error(), bad.ID.String()) {
		return fmt.Errorf("error %w doesn't name event %s", err, bad.ID)
	}
	return seen(ctx, f, "good")
}

func unitCancelled(ctx context.Context, f StoreFixture) error {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	return errors.Join(wantError(appenderOf(f).AppendUnit(ended, events("a", 1, 1)), context.Canceled), seen(ctx, f, "a"))
}

func unitSharesNothing(ctx context.Context, f StoreFixture) error {
	given, want := []eventlog.Record{event("a", 1)}, event("a", 1)
	want.ID = given[0].ID
	if err := appenderOf(f).AppendUnit(ctx, given); err != nil {
		return err
	}
	given[0].Payload[len(`{"n":`)] = '2'
	given[0].Metadata["tenant"] = "changed"
	return seen(ctx, f, "a", want)
}

// concurrently appends all units at once and returns their errors.
func concurrently(ctx context.Context, f StoreFixture, units [][]eventlog.Record) []error {
	errs := make([]error, len(units))
	var group sync.WaitGroup
	for i, records := range units {
		group.Go(func() { errs[i] = appenderOf(f).AppendUnit(ctx, records) })
	}
	group.Wait()
	return errs
}

func conflictsStayAtHome(ctx context.Context, f StoreFixture) error {
	old := event("old", 1)
	if err := appenderOf(f).AppendUnit(ctx, []eventlog.Record{old}); err != nil {
		return err
	}
	want := []eventlog.Record{old}
	var units [][]eventlog.Record
	for i := range 40 {
		records := events(fmt.Sprint("a", i), 1, 2)
		if i%4 == 0 {
			records = append(records, event("old", 1)) // late
		} else {
			want = append(want, records...)
		}
		units = append(units, records)
	}
	for i, err := range concurrently(ctx, f, units) {
		if i%4 == 0 {
			err = wantConflict(err, domain.ConflictError{Type: "thing", ID: "old", Expected: 0, Actual: 1})
		}
		if err != nil {
			return fmt.Errorf("unit %d: %w", i, err)
		}
	}
	all, _, err := drain(ctx, f.Reader, "", 100)
	return errors.Join(err, sameIDs(want, all))
}
