package projection

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// failure is why an event is to be parked.
type failure struct {
	reason   deadletter.Reason
	cause    error
	attempts int
}

// failureOf sorts out what an event's handler or the codec came to.
func failureOf(cause error, attempts int) *failure {
	f := &failure{reason: deadletter.Refused, cause: cause, attempts: attempts}
	if _, ok := errors.AsType[*PanicError](cause); ok {
		f.reason = deadletter.Panicked
	} else if _, ok := errors.AsType[*TimeoutError](cause); ok {
		f.reason = deadletter.TimedOut
	}
	return f
}

// plan is what a run comes to.
type plan struct {
	events []Event            // to be applied
	parks  []deadletter.Event // to be parked
	copies []eventlog.Record  // for the dead-letter topic, one for each
	begun  []deadletter.Key   // sequences that begin

	repeated int // events that have taken effect before
}

// plan divides a run: what waits behind a parked event of its aggregate is parked too. It locks the sequences that are there.
func (r *Runner) plan(ctx context.Context, tx eventlog.Tx, p Partition, run []item, set *parkedSet) (plan, error) {
	parked, err := r.hold(ctx, tx, run, set)
	if err != nil {
		return plan{}, err
	}
	pl := plan{events: make([]Event, 0, len(run))}
	for i := range run {
		it := &run[i]
		f := it.failure
		switch _, behind := parked[it.key]; {
		case it.passed:
			continue
		case f == nil && !behind:
			pl.events = append(pl.events, Event{Record: it.Record, Event: it.event})
			continue
		case f == nil:
			f = &failure{reason: deadletter.Behind, cause: errors.New("an earlier event of its aggregate is parked")}
		case !behind:
			parked[it.key] = struct{}{}
			pl.begun = append(pl.begun, it.key)
		}
		e := r.parked(it, f)
		letter, err := r.letter(p, &e)
		if err != nil {
			return plan{}, outage(fmt.Errorf("copy for %s%s: %w", p.Topic, deadletter.TopicSuffix, err))
		}
		pl.parks, pl.copies = append(pl.parks, e), append(pl.copies, letter)
	}
	return pl, nil
}

// hold locks the sequences of a run that are thought to be parked. When one of them isn't any more, it is forgotten, while
// the checkpoint's lock keeps others from beginning it anew, and the error is errReleased.
func (r *Runner) hold(ctx context.Context, tx eventlog.Tx, run []item, set *parkedSet) (map[deadletter.Key]struct{}, error) {
	parked := make(map[deadletter.Key]struct{})
	for i := range run {
		switch it := &run[i]; {
		case it.passed:
		case set.has(it.key):
			parked[it.key] = struct{}{}
		case it.held:
			return nil, errReleased
		}
	}
	if len(parked) == 0 {
		return parked, nil
	}
	keys := make([]deadletter.Key, 0, len(parked))
	for k := range parked {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, deadletter.Key.Compare)
	there, err := r.cfg.Parking.Hold(ctx, tx, keys)
	switch {
	case err != nil:
		return nil, outage(err)
	case len(there) == len(keys):
		return parked, nil
	}
	for _, k := range keys {
		if !slices.Contains(there, k) {
			set.drop(k)
		}
	}
	return nil, errReleased
}

// store parks what is to be parked and writes the copies, within tx.
func (r *Runner) store(ctx context.Context, tx eventlog.Tx, pl plan) error {
	if len(pl.parks) == 0 {
		return nil
	}
	if err := r.cfg.Parking.Park(ctx, tx, pl.parks); err != nil {
		return outage(err)
	}
	if r.cfg.NoCopies != nil && r.cfg.NoCopies() {
		return nil
	}
	if err := tx.Append(ctx, pl.copies); err != nil {
		return outage(fmt.Errorf("copies for the dead-letter topic: %w", err))
	}
	return nil
}

// parked makes a parked event of an item.
func (r *Runner) parked(it *item, f *failure) deadletter.Event {
	now := r.now()
	key, headers := wire(it.Delivery)
	e := deadletter.Event{
		Key: it.key, Offset: it.Offset, RecordKey: key, Headers: headers, Payload: it.Value, EventID: it.Record.ID, Type: it.Record.Type,
		Failure: deadletter.Failure{Reason: f.reason, Error: r.named(f.cause).Error()}, ParkedAt: now, Attempts: f.attempts,
	}
	if f.reason != deadletter.Behind {
		e.At, e.FirstFailed = now, now
	}
	if panicked, ok := errors.AsType[*PanicError](f.cause); ok {
		e.Stack = string(panicked.Stack)
	}
	return e
}

// wire returns the key and the headers with which a delivery came, or would have come: see [LogTopic].
func wire(d *Delivery) (key []byte, headers []relaying.Header) {
	if d.Partition.Topic != LogTopic {
		return d.Key, d.Headers
	}
	return []byte(d.Record.AggregateID), append(relaying.Headers(&d.Record), relaying.Header{Name: HeaderLogTopic, Value: d.Record.Topic})
}

// keyOf names the sequence that a delivery belongs to: its aggregate's, else that of its key. One that has neither belongs
// to no sequence and makes its own.
func (r *Runner) keyOf(d *Delivery) deadletter.Key {
	kind, id := d.Record.AggregateType, d.Record.AggregateID
	if d.Err != nil {
		for _, h := range d.Headers {
			switch h.Name {
			case relaying.HeaderAggregateType:
				kind = h.Value
			case relaying.HeaderAggregateID:
				id = h.Value
			}
		}
	}
	if id == "" {
		kind, id = "", string(d.Key)
	}
	if id == "" {
		id = fmt.Sprintf("offset %d", d.Offset)
	}
	return deadletter.Key{Place: r.place(d.Partition), AggregateType: deadletter.Name(kind), AggregateID: deadletter.Name(id)}
}
