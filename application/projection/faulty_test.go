package projection_test

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
)

// faultyStore is a store whose transactions fail where a test wants them to.
type faultyStore struct {
	eventlog.Store
	open     atomic.Int64
	begin    func() error
	commit   func(commit func() error) error
	rollback func() error
}

func (s *faultyStore) Begin(ctx context.Context) (eventlog.Tx, error) {
	if s.begin != nil {
		if err := s.begin(); err != nil {
			return nil, err
		}
	}
	tx, err := s.Store.Begin(ctx)
	s.open.Add(1)
	return &faultyTx{Tx: tx.(*memory.Tx), store: s}, err
}

// faultyTx embeds the real one, which tables of the memory adapter must find in it: see unwrap.
type faultyTx struct {
	*memory.Tx
	store *faultyStore
	ended bool
}

func (tx *faultyTx) end() {
	if !tx.ended {
		tx.ended = true
		tx.store.open.Add(-1)
	}
}

func (tx *faultyTx) Commit(ctx context.Context) error {
	defer tx.end()
	if tx.store.commit == nil {
		return tx.Tx.Commit(ctx)
	}
	err := tx.store.commit(func() error { return tx.Tx.Commit(ctx) })
	return errors.Join(err, tx.Tx.Rollback()) // nothing happens if it was committed
}

func (tx *faultyTx) Rollback() error {
	if tx.ended {
		return nil
	}
	defer tx.end()
	err := tx.Tx.Rollback()
	if tx.store.rollback != nil {
		return tx.store.rollback()
	}
	return err
}

// unwrapped gives the memory adapter's checkpoints the transaction that they know.
type unwrapped struct {
	projection.Checkpoints
	next func() error
}

func (c unwrapped) Next(ctx context.Context, name string, version int, p projection.Partition) (int64, error) {
	if c.next != nil {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	return c.Checkpoints.Next(ctx, name, version, p)
}

func (c unwrapped) Advance(ctx context.Context, tx eventlog.Tx, name string, version int, p projection.Partition, from, to int64) error {
	return c.Checkpoints.Advance(ctx, tx.(*faultyTx).Tx, name, version, p, from, to)
}

func (c unwrapped) Fresh(ctx context.Context, tx eventlog.Tx, name string, version int, batch []projection.Event) ([]projection.Event, error) {
	return c.Checkpoints.Fresh(ctx, tx.(*faultyTx).Tx, name, version, batch)
}

// unwrappedParking does the same for what is parked.
type unwrappedParking struct {
	deadletter.Parking
	fail func() error
}

func (p unwrappedParking) Hold(ctx context.Context, tx eventlog.Tx, keys []deadletter.Key) ([]deadletter.Key, error) {
	return p.Parking.Hold(ctx, memoryTx(tx), keys)
}

func (p unwrappedParking) Park(ctx context.Context, tx eventlog.Tx, events []deadletter.Event) error {
	if p.fail != nil {
		if err := p.fail(); err != nil {
			return err
		}
	}
	return p.Parking.Park(ctx, memoryTx(tx), events)
}

func memoryTx(tx eventlog.Tx) eventlog.Tx {
	if faulty, ok := tx.(*faultyTx); ok {
		return faulty.Tx
	}
	return tx
}

func withFaults(s *faultyStore, next func() error) func(*rig) {
	return func(r *rig) {
		s.Store = r.log
		r.cfg.Store, r.cfg.Checkpoints = s, unwrapped{r.cfg.Checkpoints, next}
		r.cfg.Parking = unwrappedParking{r.cfg.Parking, nil}
		r.cfg.Projection.Apply = func(ctx context.Context, tx eventlog.Tx, batch []projection.Event) error {
			return r.apply(ctx, tx.(*faultyTx).Tx, batch)
		}
	}
}
