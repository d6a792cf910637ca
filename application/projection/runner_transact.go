package projection

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
)

// transact moves the checkpoint, applies the events and parks those that are to be parked, in one transaction. The checkpoint
// comes first: its row lock puts rival owners of the partition in order, and the one that comes second is told so before it
// writes anything.
//
// Only an error of Apply, or of a commit that includes what it wrote, is held against the events; the rest is an outage.
func (r *Runner) transact(ctx context.Context, p Partition, from, to int64, run []item, set *parkedSet) error {
	tx, err := r.cfg.Store.Begin(ctx)
	if err != nil {
		return outage(fmt.Errorf("begin: %w", err))
	}
	defer tx.Rollback() //nolint:errcheck // does nothing after Commit; what matters is looked at below
	if err := r.cfg.Checkpoints.Advance(ctx, tx, r.cfg.Projection.Name, r.cfg.Projection.Version, p, from, to); err != nil {
		return outage(fmt.Errorf("advance checkpoint: %w", err))
	}
	pl, err := r.plan(ctx, tx, p, run, set)
	if err != nil {
		return err
	}
	came := len(pl.events)
	if pl.events, err = fresh(ctx, tx, r.cfg.Checkpoints, &r.cfg.Projection, pl.events); err != nil {
		return err
	}
	pl.repeated = came - len(pl.events)
	blame := outage
	if len(pl.events) > 0 {
		blame = func(err error) error { return err }
		if err := r.call(ctx, tx, pl.events); err != nil {
			if lost := tx.Rollback(); lost != nil { // a broken connection, whatever Apply made of it
				return outage(errors.Join(err, lost))
			}
			return fmt.Errorf("apply: %w", err)
		}
	}
	if err := r.store(ctx, tx, pl); err != nil {
		return err
	}
	if err := r.commit(ctx, tx, p, from, to, blame); err != nil {
		return err
	}
	set.add(pl.begun...)
	r.tell(ctx, p, len(run), pl)
	return nil
}

// fresh returns the events that haven't taken effect yet, and notes within tx that they do, unless the projection takes repeats.
func fresh(ctx context.Context, tx eventlog.Tx, c Checkpoints, p *Projection, events []Event) ([]Event, error) {
	if p.Repeats != Once || len(events) == 0 {
		return events, nil
	}
	events, err := c.Fresh(ctx, tx, p.Name, p.Version, events)
	if err != nil {
		return nil, outage(fmt.Errorf("look up what was applied: %w", err))
	}
	return events, nil
}

// tell counts what was committed, and logs each event that failed.
func (r *Runner) tell(ctx context.Context, p Partition, handled int, pl plan) {
	for i := range pl.parks {
		e := &pl.parks[i]
		if e.Reason != deadletter.Behind {
			r.cfg.Logger.ErrorContext(ctx, "event parked", "topic", p.Topic, "partition", p.Number, "offset", e.Offset, "reason", string(e.Reason),
				"event_id", e.EventID, "event_type", e.Type, "aggregate_type", e.Key.AggregateType, "aggregate_id", e.Key.AggregateID, "error", e.Error)
		}
	}
	r.count(func(s *Stats) {
		s.Applied += int64(len(pl.events))
		s.Parked += int64(len(pl.parks))
		s.Repeated += int64(pl.repeated)
		s.Passed += int64(handled - len(pl.events) - len(pl.parks) - pl.repeated)
		s.LastApplied = r.cfg.Now()
	})
	r.tellRepeats(ctx, p, pl.repeated)
	if r.cfg.Applied != nil {
		r.cfg.Applied.Raise()
	}
}

// repeatsEvery bounds how often a runner logs repeats: a relay that publishes at least once sends some after every crash.
const repeatsEvery = time.Minute

// tellRepeats logs that events were taken for repeats. Of an event with a version that is all that can be told: a later version of
// its aggregate was applied. Where the order of the topic was broken, it may never have been.
func (r *Runner) tellRepeats(ctx context.Context, p Partition, n int) {
	if n == 0 {
		return
	}
	now := r.cfg.Now()
	r.mu.Lock()
	due := now.Sub(r.toldRepeats) >= repeatsEvery
	if due {
		r.toldRepeats = now
	}
	total := r.stats.Repeated
	r.mu.Unlock()
	if due {
		r.cfg.Logger.WarnContext(ctx, "events of versions that are applied, or later ones, came again and were passed by: "+
			"expected of a relay that publishes at least once, else the topic's order is broken",
			"topic", p.Topic, "partition", p.Number, "events", n, "since_start", total)
	}
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

// call runs the user's Apply within its time; a panic becomes an error.
func (r *Runner) call(ctx context.Context, tx eventlog.Tx, events []Event) error {
	return callApply(ctx, &r.cfg.Projection, r.cfg.Timeout, tx, events)
}

func callApply(ctx context.Context, p *Projection, limit time.Duration, tx eventlog.Tx, events []Event) (err error) {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	defer func() {
		if err != nil && bounded.Err() != nil && ctx.Err() == nil {
			err = &TimeoutError{Limit: limit, Said: err.Error()}
		}
	}()
	defer recovered(&err)
	return p.Apply(bounded, tx, events)
}

// TimeoutError says that Apply took too long. What Apply said is text only: whatever broke, broke because of it.
type TimeoutError struct {
	Limit time.Duration
	Said  string
}

// Error names the limit.
func (e *TimeoutError) Error() string { return fmt.Sprintf("took longer than %v: %s", e.Limit, e.Said) }

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
