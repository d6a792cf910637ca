package applicationtest

import (
	"context"
	"errors"
	"fmt"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

func conflictChecks() []check[StoreFixture] {
	return []check[StoreFixture]{
		{"a version that is taken is a conflict", takenVersion},
		{"a conflict anywhere in the unit is a conflict", conflictInTheMiddle},
		{"a conflict in one of a thousand events is found", conflictInMany},
		{"after a conflict nothing of the unit is stored", conflictStoresNothing},
		{"of concurrent appenders exactly one wins each version", oneWins},
	}
}

// wantConflict returns an error unless err is a conflict with these details.
func wantConflict(err error, want domain.ConflictError) error {
	var conflict *domain.ConflictError
	if !errors.As(err, &conflict) {
		return fmt.Errorf("error is %v, want *domain.ConflictError", err)
	}
	if *conflict != want {
		return fmt.Errorf("conflict is %+v, want %+v", *conflict, want)
	}
	return nil
}

func takenVersion(ctx context.Context, f StoreFixture) error {
	if err := appendAll(ctx, f.Store, events("a", 1, 3)...); err != nil {
		return err
	}
	err := appendAll(ctx, f.Store, event("a", 2))
	return wantConflict(err, domain.ConflictError{Type: "thing", ID: "a", Expected: 1, Actual: 3})
}

func conflictInTheMiddle(ctx context.Context, f StoreFixture) error {
	if err := appendAll(ctx, f.Store, event("b", 1)); err != nil {
		return err
	}
	err := appendAll(ctx, f.Store, event("a", 1), message("m"), event("b", 1), event("c", 1))
	return wantConflict(err, domain.ConflictError{Type: "thing", ID: "b", Expected: 0, Actual: 1})
}

func conflictInMany(ctx context.Context, f StoreFixture) error {
	if err := appendAll(ctx, f.Store, events("a", 1, 4)...); err != nil {
		return err
	}
	err := appendAll(ctx, f.Store, append(events("b", 1, 500), events("a", 4, 503)...)...)
	return wantConflict(err, domain.ConflictError{Type: "thing", ID: "a", Expected: 3, Actual: 4})
}

func conflictStoresNothing(ctx context.Context, f StoreFixture) error {
	first := event("a", 1)
	if err := appendAll(ctx, f.Store, first); err != nil {
		return err
	}
	tx, err := f.Store.Begin(ctx)
	if err != nil {
		return err
	}
	if err := tx.Append(ctx, events("b", 1, 2)); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	err = wantConflict(tx.Append(ctx, events("a", 1, 1)), domain.ConflictError{Type: "thing", ID: "a", Expected: 0, Actual: 1})
	if tx.Commit(ctx) == nil {
		err = errors.Join(err, errors.New("commit after a conflict: no error"))
	}
	return errors.Join(err, tx.Rollback(), seen(ctx, f, "a", first))
}

func oneWins(ctx context.Context, f StoreFixture) error {
	const rivals, versions = 5, 4
	for v := domain.Version(1); v <= versions; v++ {
		won := make([]bool, rivals)
		uncommitted := newMeeting(rivals)
		err := together(rivals, func(i int) error {
			// Another aggregate in the same unit: the losers must lose all of it.
			records := []eventlog.Record{event("a", v), event(fmt.Sprintf("by %d at %d", i, v), 1)}
			err := unit(ctx, f.Store, func(tx eventlog.Tx) error {
				err := tx.Append(ctx, records)
				uncommitted.wait()
				return err
			})
			won[i] = err == nil
			return unlessRival(err)
		})
		if err != nil {
			return err
		}
		if n := count(won); n != 1 {
			return fmt.Errorf("version %d: %d of %d appenders won", v, n, rivals)
		}
	}
	all, _, err := drain(ctx, f.Reader, "", 7)
	if err != nil {
		return err
	}
	if len(all) != 2*versions {
		return fmt.Errorf("%d records in the log, want %d", len(all), 2*versions)
	}
	return inVersionOrder(all)
}

// unlessRival returns err unless it is what a unit of work gets that lost against another one.
func unlessRival(err error) error {
	if errors.Is(err, domain.ErrConflict) || errors.Is(err, eventlog.ErrTransient) {
		return nil
	}
	return err
}
