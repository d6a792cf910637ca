package applicationtest

import (
	"context"
	"errors"
	"fmt"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// twoLoads saves a new aggregate and loads it twice.
func twoLoads[A domain.Aggregate](ctx context.Context, f *RepositoryFixture[A]) (first, second A, err error) {
	a := f.New()
	if err := f.save(ctx, a); err != nil {
		return first, second, err
	}
	if first, err = f.Repository.Load(ctx, nil, domain.IDOf(a)); err != nil {
		return first, second, err
	}
	second, err = f.Repository.Load(ctx, nil, domain.IDOf(a))
	return first, second, err
}

// staleSave accepts the conflict from Save or from the append of the events, whichever the repository leaves it to.
func staleSave[A domain.Aggregate](ctx context.Context, f RepositoryFixture[A]) error {
	first, second, err := twoLoads(ctx, &f)
	if err != nil {
		return err
	}
	read := version(second)
	f.Change(first)
	if err := f.save(ctx, first); err != nil {
		return err
	}
	f.Change(second)
	other := f.New()
	err = f.save(ctx, other, second)
	want := domain.ConflictError{Type: f.AggregateType, ID: domain.IDOf(first), Expected: read, Actual: version(first)}
	if err := wantStateConflict(err, want); err != nil {
		return err
	}
	if _, err := f.Repository.Load(ctx, nil, domain.IDOf(other)); !errors.Is(err, domain.ErrNotFound) {
		return fmt.Errorf("the rest of the conflicting unit: error is %v, want not found", err)
	}
	return f.stored(ctx, nil, first)
}

func madeTwice[A domain.Aggregate](ctx context.Context, f RepositoryFixture[A]) error {
	a := f.New()
	err := unit(ctx, f.Store, func(tx eventlog.Tx) error { return f.write(ctx, tx, a) })
	if err != nil {
		return err
	}
	// a still counts as new: nobody told it that it is stored.
	err = f.save(ctx, a)
	return wantStateConflict(err, domain.ConflictError{Type: f.AggregateType, ID: domain.IDOf(a), Expected: 0, Actual: version(a)})
}

// wantStateConflict lets a repository say that it couldn't find the actual version out.
func wantStateConflict(err error, want domain.ConflictError) error {
	unknown := want
	unknown.Actual = -1
	if wantConflict(err, unknown) == nil {
		return nil
	}
	return wantConflict(err, want)
}

func writersRace[A domain.Aggregate](ctx context.Context, f RepositoryFixture[A]) error {
	const rivals, rounds = 4, 5
	for range rounds {
		a := f.New()
		if err := f.save(ctx, a); err != nil {
			return err
		}
		won := make([]bool, rivals)
		loaded := make([]A, rivals)
		for i := range loaded {
			var err error
			if loaded[i], err = f.Repository.Load(ctx, nil, domain.IDOf(a)); err != nil {
				return err
			}
			f.Change(loaded[i])
		}
		err := together(rivals, func(i int) error {
			err := f.save(ctx, loaded[i])
			won[i] = err == nil
			return unlessRival(err)
		})
		if err != nil {
			return err
		}
		if n := count(won); n != 1 {
			return fmt.Errorf("%d of %d writers won", n, rivals)
		}
	}
	return nil
}

func rolledBackSave[A domain.Aggregate](ctx context.Context, f RepositoryFixture[A]) error {
	old, fresh := f.New(), f.New()
	if err := f.save(ctx, old); err != nil {
		return err
	}
	changed, err := f.Repository.Load(ctx, nil, domain.IDOf(old))
	if err != nil {
		return err
	}
	f.Change(changed)
	err = rollingBack(ctx, f.Store, func(tx eventlog.Tx) error { return f.write(ctx, tx, fresh, changed) })
	if err != nil {
		return err
	}
	if _, err := f.Repository.Load(ctx, nil, domain.IDOf(fresh)); !errors.Is(err, domain.ErrNotFound) {
		return fmt.Errorf("an aggregate that was rolled back: error is %v, want not found", err)
	}
	return f.stored(ctx, nil, old)
}

func loadInTransaction[A domain.Aggregate](ctx context.Context, f RepositoryFixture[A]) error {
	old, fresh := f.New(), f.New()
	if err := f.save(ctx, old); err != nil {
		return err
	}
	f.Change(old)
	return rollingBack(ctx, f.Store, func(tx eventlog.Tx) error {
		if err := f.write(ctx, tx, old, fresh); err != nil {
			return err
		}
		if _, err := f.Repository.Load(ctx, nil, domain.IDOf(fresh)); !errors.Is(err, domain.ErrNotFound) {
			return fmt.Errorf("outside of the transaction: error is %v, want not found", err)
		}
		return errors.Join(f.stored(ctx, tx, old), f.stored(ctx, tx, fresh))
	})
}

func noSharedState[A domain.Aggregate](ctx context.Context, f RepositoryFixture[A]) error {
	first, second, err := twoLoads(ctx, &f)
	if err != nil {
		return err
	}
	before := fmt.Sprintf("%+v", second)
	f.Change(first)
	if after := fmt.Sprintf("%+v", second); after != before {
		return fmt.Errorf("changing one aggregate changed the other from %s to %s", before, after)
	}
	return f.stored(ctx, nil, second)
}
