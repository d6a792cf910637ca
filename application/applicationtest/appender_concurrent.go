package applicationtest

import (
	"context"
	"errors"
	"fmt"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

func oneUnitWins(ctx context.Context, f StoreFixture) error {
	const rivals, versions = 8, 5
	var want []eventlog.Record
	for v := domain.Version(1); v <= versions; v++ {
		var units [][]eventlog.Record
		for i := range rivals {
			// Another aggregate in the same unit: the losers must lose all of it.
			units = append(units, []eventlog.Record{event(fmt.Sprintf("by %d at %d", i, v), 1), event("a", v)})
		}
		won := make([]bool, rivals)
		for i, err := range concurrently(ctx, f, units) {
			if won[i] = err == nil; won[i] {
				want = append(want, units[i]...)
			} else if err := wantConflict(err, domain.ConflictError{Type: "thing", ID: "a", Expected: v - 1, Actual: v}); err != nil {
				return fmt.Errorf("version %d, unit %d: %w", v, i, err)
			}
		}
		if n := count(won); n != 1 {
			return fmt.Errorf("version %d: %d of %d units won", v, n, rivals)
		}
	}
	all, _, err := drain(ctx, f.Reader, "", 7)
	return errors.Join(err, sameIDs(want, all), inVersionOrder(all))
}

// unitsInVersionOrder reads while writers append to their own aggregates, each version after the one before.
func unitsInVersionOrder(ctx context.Context, f StoreFixture) error {
	const writers, versions = 8, 40
	written := make(chan error, 1)
	go func() {
		written <- together(writers, func(i int) error {
			for v := domain.Version(1); v <= versions; v++ {
				if err := appenderOf(f).AppendUnit(ctx, []eventlog.Record{event(fmt.Sprint("a", writers-i), v)}); err != nil {
					return err
				}
			}
			return nil
		})
	}()
	var all []eventlog.Record
	var cursor eventlog.Cursor
	for done := false; !done; {
		select {
		case err := <-written:
			if err != nil {
				return err
			}
			done = true // one more look
		default:
		}
		records, next, err := drain(ctx, f.Reader, cursor, 9)
		if err != nil {
			return err
		}
		all, cursor = append(all, records...), next
	}
	if len(all) != writers*versions {
		return fmt.Errorf("%d records were read, want %d", len(all), writers*versions)
	}
	return inVersionOrder(all)
}

func unitWaitsForGuard(ctx context.Context, f StoreFixture) error {
	if err := appenderOf(f).AppendUnit(ctx, events("a", 1, 1)); err != nil {
		return err
	}
	guard, err := f.Store.Begin(ctx)
	if err != nil {
		return err
	}
	defer guard.Rollback() //nolint:errcheck // another error is returned, or it is committed
	if err := guard.Guard(ctx, []eventlog.Head{{Type: "thing", ID: "a", Version: 1}}); err != nil {
		return err
	}
	met, appended := newMeeting(2), make(chan error, 1)
	go func() {
		err := appenderOf(f).AppendUnit(ctx, events("a", 2, 2))
		met.wait()
		appended <- err
	}()
	met.wait()
	select {
	case err := <-appended:
		return fmt.Errorf("written while it was guarded, error %w", err)
	default:
	}
	if err := guard.Commit(ctx); err != nil {
		return err
	}
	return step("after the guard", <-appended)
}

// othersGoOn leaves a transaction open that has written an aggregate: who appends to that one waits, and learns that it was
// late; who doesn't isn't held up, though it came later.
func othersGoOn(ctx context.Context, f StoreFixture) error {
	open, err := f.Store.Begin(ctx)
	if err != nil {
		return err
	}
	defer open.Rollback() //nolint:errcheck // another error is returned, or it is committed
	if err := open.Append(ctx, events("a", 1, 1)); err != nil {
		return err
	}
	late := make(chan error, 1)
	go func() { late <- appenderOf(f).AppendUnit(ctx, append(events("z", 1, 1), event("a", 1))) }()
	var units [][]eventlog.Record
	for i := range 10 {
		units = append(units, events(fmt.Sprint("other", i), 1, 1))
	}
	if err := errors.Join(concurrently(ctx, f, units)...); err != nil {
		return step("others", err)
	}
	if err := open.Commit(ctx); err != nil {
		return err
	}
	return wantConflict(<-late, domain.ConflictError{Type: "thing", ID: "a", Expected: 0, Actual: 1})
}
