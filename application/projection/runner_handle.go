package projection

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tenon-go/tenon/application/codec"
)

// item is a delivery and what became of it so far.
type item struct {
	Delivery
	event  Event
	passed bool  // its type isn't one of the projection's
	poison error // why it can't even be decoded
}

// Handle applies a batch and returns the offset after it. When it returns [ErrMoved] or the context's error, nothing is half
// done: each event is either applied with its checkpoint or not at all.
func (r *Runner) Handle(ctx context.Context, p Partition, from int64, batch []Delivery) (int64, error) {
	if batch[0].Offset < from {
		return from, fmt.Errorf("source delivered offset %d of %s, partition %d, where %d or more was due", batch[0].Offset, p.Topic, p.Number, from)
	}
	run := make([]item, 0, len(batch))
	for _, d := range batch {
		it, err := r.read(ctx, d)
		if err != nil {
			return from, err
		}
		run = append(run, it)
		if it.poison == nil {
			continue
		}
		good := run[:len(run)-1]
		if from, err = r.apply(ctx, p, from, good); err != nil {
			return from, err
		}
		if from, err = r.bury(ctx, p, from, run[len(good):], it.poison); err != nil {
			return from, err
		}
		run = run[:0]
	}
	return r.apply(ctx, p, from, run)
}

// read decodes a delivery. What can't be decoded is poison at once if the codec says that trying again is of no use, else
// after the retries.
func (r *Runner) read(ctx context.Context, d Delivery) (item, error) {
	it := item{Delivery: d, poison: d.Err}
	if it.poison != nil {
		return it, nil
	}
	if it.passed = !slices.Contains(r.cfg.Projection.Types, d.Record.Type); it.passed {
		return it, nil
	}
	m := codec.Meta{
		ID: d.Record.ID, Type: d.Record.Type, SchemaVersion: d.Record.SchemaVersion,
		AggregateType: d.Record.AggregateType, AggregateID: d.Record.AggregateID,
	}
	err := r.try(ctx, d.Partition, func() (err error) {
		defer recovered(&err)
		it.event.Event, err = r.cfg.Codec.Decode(ctx, m, d.Value)
		if errors.Is(err, codec.ErrMalformed) || errors.Is(err, codec.ErrUnknownType) {
			it.poison, err = err, nil
		}
		return err
	})
	it.event.Record = d.Record
	if spent, ok := errors.AsType[*spentError](err); ok {
		it.poison, err = spent.cause, nil
	}
	return it, err
}

// apply commits a run of decoded items and returns the offset after it. If that fails for good, it is done again in pieces
// of one event, and the pieces that fail are buried.
func (r *Runner) apply(ctx context.Context, p Partition, from int64, run []item) (int64, error) {
	if len(run) == 0 {
		return from, nil
	}
	next := run[len(run)-1].Offset + 1
	events := eventsOf(run)
	err := r.try(ctx, p, func() error { return r.transact(ctx, p, from, next, events) })
	var spent *spentError
	switch {
	case err == nil:
		r.count(func(s *Stats) {
			s.Applied += int64(len(events))
			s.Passed += int64(len(run) - len(events))
			s.LastApplied = r.cfg.Now()
		})
		return next, nil
	case !errors.As(err, &spent):
		return from, err
	}
	for len(run) > 0 {
		n := firstEvent(run) + 1
		if len(events) == 1 && !run[n-1].passed { // it was alone and has had its retries
			from, err = r.bury(ctx, p, from, run[:n], spent.cause)
		} else {
			from, err = r.apply(ctx, p, from, run[:n])
		}
		if err != nil {
			return from, err
		}
		run = run[n:]
	}
	return from, nil
}

// firstEvent returns the index of the first item to be applied, or that of the last item.
func firstEvent(run []item) int {
	i := slices.IndexFunc(run, func(it item) bool { return !it.passed })
	if i < 0 {
		return len(run) - 1
	}
	return i
}

func eventsOf(run []item) []Event {
	events := make([]Event, 0, len(run))
	for _, it := range run {
		if !it.passed {
			events = append(events, it.event)
		}
	}
	return events
}
