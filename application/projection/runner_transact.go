package projection

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/tenon-go/tenon/application/eventlog"
)

// transact moves the checkpoint and applies the events in one transaction. The checkpoint comes first: its row lock puts rival
// owners of the partition in order, and the one that comes second is told so before it writes anything.
//
// Only an error of Apply, or of a commit that includes what it wrote, is held against the events; the rest is an outage.
func (r *Runner) transact(ctx context.Context, p Partition, from, to int64, events []Event) error {
	tx, err := r.cfg.Store.Begin(ctx)
	if err != nil {
		return outage(fmt.Errorf("begin: %w", err))
	}
	defer tx.Rollback() //nolint:errcheck // does nothing after Commit; what matters is looked at below
	if err := r.cfg.Checkpoints.Advance(ctx, tx, r.cfg.Projection.Name, r.cfg.Projection.Version, p, from, to); err != nil {
		return outage(fmt.Errorf("advance checkpoint: %w", err))
	}
	if r.cfg.Projection.Repeats == Once && len(events) > 0 {
		if events, err = r.cfg.Checkpoints.Fresh(ctx, tx, r.cfg.Projection.Name, r.cfg.Projection.Version, events); err != nil {
			return outage(fmt.Errorf("look up what was applied: %w", err))
		}
	}
	if len(events) == 0 {
		return r.commit(ctx, tx, p, from, to, outage)
	}
	if err := r.call(ctx, tx, events); err != nil {
		if lost := tx.Rollback(); lost != nil { // a broken connection, whatever Apply made of it
			return outage(errors.Join(err, lost))
		}
		return fmt.Errorf("apply: %w", err)
	}
	return r.commit(ctx, tx, p, from, to, func(err error) error { return err })
}

func (r *Runner) commit(ctx context.Context, tx eventlog.Tx, p Partition, from, to int64, as func(error) error) error {
	err := tx.Commit(ctx)
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, eventlog.ErrOutcomeUnknown):
		return as(fmt.Errorf("commit: %w", err))
	}
	next, lookErr := r.next(ctx, p)
	switch {
	case lookErr != nil: // trying again finds out: if it was stored, the checkpoint isn't at from
		return outage(errors.Join(err, lookErr))
	case next == to:
		return nil
	case next == from:
		return outage(err)
	}
	return ErrMoved
}

// call runs the user's Apply; a panic becomes an error.
func (r *Runner) call(ctx context.Context, tx eventlog.Tx, events []Event) (err error) {
	defer recovered(&err)
	return r.cfg.Projection.Apply(ctx, tx, events)
}

// PanicError is a panic in Apply or in the codec, as the dead letters get to see it.
type PanicError struct {
	Value any
	Stack []byte
}

// Error names what was given to panic.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

func recovered(err *error) {
	if v := recover(); v != nil {
		*err = &PanicError{Value: v, Stack: debug.Stack()}
	}
}
