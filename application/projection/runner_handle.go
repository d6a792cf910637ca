package projection

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/domain"
)

// item is a delivery and what became of it so far.
type item struct {
	*Delivery
	key     deadletter.Key
	event   domain.Event
	passed  bool     // its type isn't one of the projection's
	held    bool     // its sequence was parked when it was read: it isn't decoded
	failure *failure // why it is to be parked
}

// Handle applies a batch and returns the offset after it. When it returns [ErrMoved] or the context's error, nothing is half
// done: each event is either applied or parked with its checkpoint, or neither.
func (r *Runner) Handle(ctx context.Context, p Partition, from int64, batch []Delivery) (int64, error) {
	if batch[0].Offset < from {
		return from, fmt.Errorf("source delivered offset %d of %s, partition %d, where %d or more was due", batch[0].Offset, p.Topic, p.Number, from)
	}
	set, err := r.set(ctx, p)
	if err != nil {
		return from, err
	}
	items, size := r.itemsFor(len(batch)), len(batch)
	defer func() {
		clear((*items)[:size]) // lets go of the payloads
		r.items.Put(items)
	}()
	for {
		run := (*items)[:len(batch)]
		for i := range batch {
			if err := r.read(ctx, &batch[i], set, &run[i]); err != nil {
				return from, err
			}
		}
		from, err = r.apply(ctx, p, from, run, set, r.cfg.Retries)
		if !errors.Is(err, errReleased) {
			return from, err
		}
		batch = batch[slices.IndexFunc(batch, func(d Delivery) bool { return d.Offset >= from }):]
	}
}

// itemsFor returns room for n items, which a former batch may have used.
func (r *Runner) itemsFor(n int) *[]item {
	items, ok := r.items.Get().(*[]item)
	if !ok || len(*items) < n {
		made := make([]item, n)
		items = &made
	}
	return items
}

// read makes it of a delivery, which it decodes unless its aggregate is parked. What can't be decoded is poison at once if the
// codec says that trying again is of no use, else after the retries.
func (r *Runner) read(ctx context.Context, d *Delivery, set *parkedSet, it *item) error {
	*it = item{Delivery: d, key: r.keyOf(d)}
	if d.Err != nil {
		it.failure = &failure{reason: deadletter.Undecodable, cause: d.Err, attempts: 1}
		return nil
	}
	if !slices.Contains(r.cfg.Projection.Types, d.Record.Type) {
		if it.passed = !r.cfg.ParkUnknown || r.cfg.Known != nil && r.cfg.Known(d.Record.Type); !it.passed {
			it.failure = &failure{reason: deadletter.Unknown, cause: fmt.Errorf("no handler for events of type %q", d.Record.Type), attempts: 1}
		}
		return nil
	}
	if it.held = set.has(it.key); it.held {
		return nil
	}
	err := r.try(ctx, d.Partition, r.cfg.Retries, func() (err error) {
		it.event, it.failure, err = decode(ctx, r.cfg.Codec, d)
		return err
	})
	if spent, ok := errors.AsType[*spentError](err); ok {
		it.failure, err = failureOf(spent.cause, r.attempts()), nil
	}
	return err
}

// apply commits a run of items and returns the offset after it. If that fails for good, it is done again in halves, down to
// the one event that fails, which is parked.
func (r *Runner) apply(ctx context.Context, p Partition, from int64, run []item, set *parkedSet, retries int) (int64, error) {
	if len(run) == 0 {
		return from, nil
	}
	next := run[len(run)-1].Offset + 1
	err := r.try(ctx, p, retries, func() error { return r.transact(ctx, p, from, next, run, set) })
	spent, ok := errors.AsType[*spentError](err)
	switch {
	case err == nil:
		return next, nil
	case !ok:
		return from, err
	}
	suspects := suspectsIn(run, set)
	switch len(suspects) {
	case 0: // without events every error is an outage
		return from, spent.cause
	case 1:
		run = slices.Clone(run)
		run[suspects[0]].failure = failureOf(spent.cause, r.attempts())
		return r.apply(ctx, p, from, run, set, retries)
	}
	middle := suspects[len(suspects)/2]
	for _, half := range [][]item{run[:middle], run[middle:]} {
		if from, err = r.apply(ctx, p, from, half, set, r.retriesFor(half, set)); err != nil {
			return from, err
		}
	}
	return from, nil
}

// retriesFor lets only a single event be tried more than once: a part of a run that failed is divided further at once.
func (r *Runner) retriesFor(run []item, set *parkedSet) int {
	if len(suspectsIn(run, set)) == 1 {
		return r.cfg.Retries
	}
	return 0
}

// suspectsIn returns the indexes of the items that are applied, none of which is known to fail.
func suspectsIn(run []item, set *parkedSet) []int {
	var suspects []int
	failed := make(map[deadletter.Key]bool)
	for i := range run {
		it := &run[i]
		switch {
		case it.passed || failed[it.key] || set.has(it.key):
		case it.failure != nil:
			failed[it.key] = true
		default:
			suspects = append(suspects, i)
		}
	}
	return suspects
}

// attempts is how often an event was tried that had all its retries.
func (r *Runner) attempts() int { return max(r.cfg.Retries, 0) + 1 }

// named says whose error it is.
func (r *Runner) named(err error) error {
	return fmt.Errorf("projection %s version %d: %w", r.cfg.Projection.Name, r.cfg.Projection.Version, err)
}

// decode returns the event of a delivery, or why it is poison, or an error that trying again may mend.
func decode(ctx context.Context, c codec.Codec, d *Delivery) (event domain.Event, poison *failure, err error) {
	defer recovered(&err)
	event, err = c.Decode(ctx, codec.Meta{
		ID: d.Record.ID, Type: d.Record.Type, SchemaVersion: d.Record.SchemaVersion,
		AggregateType: d.Record.AggregateType, AggregateID: d.Record.AggregateID,
	}, d.Value)
	switch {
	case errors.Is(err, codec.ErrMalformed):
		return nil, &failure{reason: deadletter.Undecodable, cause: err, attempts: 1}, nil
	case errors.Is(err, codec.ErrUnknownType):
		return nil, &failure{reason: deadletter.Unknown, cause: err, attempts: 1}, nil
	}
	return event, nil, err
}
