package projection

import (
	"context"
	"fmt"
)

// bury copies the last item of a run to the dead letters, then moves the checkpoint past the run, which has no event to be
// applied. No transaction is open while the broker is waited for. A rival that moves the checkpoint in between makes one copy
// too many, never one too few.
func (r *Runner) bury(ctx context.Context, p Partition, from int64, run []item, cause error) (int64, error) {
	dead := run[len(run)-1]
	cause = fmt.Errorf("projection %s version %d: %w", r.cfg.Projection.Name, r.cfg.Projection.Version, cause)
	err := r.try(ctx, p, func() error {
		if err := r.cfg.DeadLetters.Publish(ctx, dead.Delivery, cause); err != nil {
			return outage(fmt.Errorf("publish dead letter: %w", err))
		}
		return nil
	})
	if err != nil {
		return from, err
	}
	next := dead.Offset + 1
	if err := r.try(ctx, p, func() error { return r.transact(ctx, p, from, next, nil) }); err != nil {
		return from, err
	}
	r.cfg.Logger.ErrorContext(ctx, "event dead-lettered", "topic", p.Topic, "partition", p.Number, "offset", dead.Offset,
		"event_id", dead.Record.ID, "event_type", dead.Record.Type, "aggregate_id", dead.Record.AggregateID, "error", cause)
	r.count(func(s *Stats) {
		s.DeadLettered++
		s.Passed += int64(len(run) - 1)
		s.LastApplied = r.cfg.Now()
	})
	return next, nil
}
