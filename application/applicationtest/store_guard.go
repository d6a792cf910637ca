package applicationtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

func guardChecks() []check[StoreFixture] {
	return []check[StoreFixture]{
		{"a guard at the right version lets the unit commit", guardHolds},
		{"a guard at another version is a conflict", guardConflicts},
		{"a guard of an aggregate that does not exist is at version 0", guardOfNothing},
		{"guarding no heads has no effect", guardNothing},
		{"nobody appends to a guarded aggregate", guardKeepsOut},
		{"after the guarding transaction ends writers go on", guardEnds},
		{"two units that guard what the other writes never both commit", noWriteSkew},
		{"two units that write and then guard never both commit", noLateWriteSkew},
	}
}

func head(id string, v domain.Version) eventlog.Head {
	return eventlog.Head{Type: "thing", ID: id, Version: v}
}

func guardHolds(ctx context.Context, f StoreFixture) error {
	if err := appendAll(ctx, f.Store, append(events("a", 1, 3), event("c", 1))...); err != nil {
		return err
	}
	return unit(ctx, f.Store, func(tx eventlog.Tx) error {
		if err := tx.Guard(ctx, []eventlog.Head{head("c", 1), head("a", 3)}); err != nil {
			return err
		}
		return tx.Append(ctx, events("b", 1, 1))
	})
}

func guardConflicts(ctx context.Context, f StoreFixture) error {
	if err := appendAll(ctx, f.Store, append(events("a", 1, 3), event("c", 1))...); err != nil {
		return err
	}
	return rollingBack(ctx, f.Store, func(tx eventlog.Tx) error {
		err := tx.Guard(ctx, []eventlog.Head{head("c", 1), head("a", 2)})
		return wantConflict(err, domain.ConflictError{Type: "thing", ID: "a", Expected: 2, Actual: 3})
	})
}

func guardOfNothing(ctx context.Context, f StoreFixture) error {
	err := unit(ctx, f.Store, func(tx eventlog.Tx) error { return tx.Guard(ctx, []eventlog.Head{head("a", 0)}) })
	if err != nil {
		return err
	}
	return rollingBack(ctx, f.Store, func(tx eventlog.Tx) error {
		err := tx.Guard(ctx, []eventlog.Head{head("a", 1)})
		return wantConflict(err, domain.ConflictError{Type: "thing", ID: "a", Expected: 1, Actual: 0})
	})
}

func guardNothing(ctx context.Context, f StoreFixture) error {
	return unit(ctx, f.Store, func(tx eventlog.Tx) error { return tx.Guard(ctx, nil) })
}

// guardKeepsOut gives the writer a deadline. A store that keeps its promise never lets it commit, however long that is.
func guardKeepsOut(ctx context.Context, f StoreFixture) error {
	first := event("a", 1)
	if err := appendAll(ctx, f.Store, first); err != nil {
		return err
	}
	for _, guarded := range []eventlog.Head{head("a", 1), head("new", 0)} {
		err := rollingBack(ctx, f.Store, func(tx eventlog.Tx) error {
			if err := tx.Guard(ctx, []eventlog.Head{guarded}); err != nil {
				return err
			}
			hurried, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			defer cancel()
			if appendAll(hurried, f.Store, event(guarded.ID, guarded.Version+1)) == nil {
				return fmt.Errorf("%s was written while it was guarded at version %d", guarded.ID, guarded.Version)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return seen(ctx, f, "a", first)
}

func guardEnds(ctx context.Context, f StoreFixture) error {
	if err := appendAll(ctx, f.Store, event("a", 1)); err != nil {
		return err
	}
	tx, err := f.Store.Begin(ctx)
	if err != nil {
		return err
	}
	if err := tx.Guard(ctx, []eventlog.Head{head("a", 1)}); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	written := make(chan error, 1)
	go func() { written <- appendAll(ctx, f.Store, event("a", 2)) }()
	err = tx.Commit(ctx)
	return errors.Join(err, unlessTransient(<-written))
}

func unlessTransient(err error) error {
	if errors.Is(err, eventlog.ErrTransient) {
		return nil
	}
	return err
}
