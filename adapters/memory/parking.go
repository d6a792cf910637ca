package memory

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
)

// DeadLetters keeps parked sequences in a [Table] of the log: a row for each sequence. Safe for concurrent use.
type DeadLetters struct {
	log       *Log
	sequences *Table[[]deadletter.Event]
	actions   *Table[deadletter.Action]
	ids       atomic.Int64
	now       func() time.Time
}

var (
	_ deadletter.Parking   = (*DeadLetters)(nil)
	_ deadletter.Replaying = (*DeadLetters)(nil)
	_ deadletter.Finder    = (*DeadLetters)(nil)
	_ deadletter.Desk      = (*DeadLetters)(nil)
)

// NewDeadLetters returns an empty store in the log's database; now nil means time.Now.
func NewDeadLetters(log *Log, now func() time.Time) *DeadLetters {
	if now == nil {
		now = time.Now
	}
	return &DeadLetters{log: log, sequences: NewTable[[]deadletter.Event](log), actions: NewTable[deadletter.Action](log), now: now}
}

// Sequences returns the keys that are parked at a place.
func (d *DeadLetters) Sequences(ctx context.Context, p deadletter.Place) ([]deadletter.Key, error) {
	rows, err := d.sequences.Rows(ctx)
	if err != nil {
		return nil, fmt.Errorf("parked sequences: %w", err)
	}
	var all []deadletter.Key
	for _, events := range rows {
		if events[0].Key.Place == p {
			all = append(all, events[0].Key)
		}
	}
	return all, nil
}

// Hold locks the sequences and returns those that are there.
func (d *DeadLetters) Hold(ctx context.Context, tx eventlog.Tx, keys []deadletter.Key) ([]deadletter.Key, error) {
	var there []deadletter.Key
	for _, k := range slices.SortedFunc(slices.Values(keys), deadletter.Key.Compare) {
		events, err := d.lock(ctx, tx, k)
		if err != nil {
			return nil, fmt.Errorf("hold parked sequences: %w", err)
		}
		if len(events) > 0 {
			there = append(there, k)
		}
	}
	return there, nil
}

// lock returns a sequence, which stays as it is until tx ends but for what tx does.
func (d *DeadLetters) lock(ctx context.Context, tx eventlog.Tx, k deadletter.Key) ([]deadletter.Event, error) {
	row := rowOf(k)
	if err := d.sequences.Lock(ctx, tx, row); err != nil {
		return nil, err
	}
	events, _, err := d.sequences.Get(ctx, tx, row)
	return events, err
}

// Park puts events at the ends of their sequences.
func (d *DeadLetters) Park(ctx context.Context, tx eventlog.Tx, events []deadletter.Event) error {
	for i := range events {
		e := cloneParked(&events[i])
		e.ID = d.ids.Add(1)
		sequence, err := d.lock(ctx, tx, e.Key)
		if err == nil {
			err = d.sequences.Put(ctx, tx, rowOf(e.Key), append(slices.Clip(sequence), e))
		}
		if err != nil {
			return fmt.Errorf("park events: %w", err)
		}
	}
	return nil
}

// Take locks a sequence and returns events of it.
func (d *DeadLetters) Take(ctx context.Context, tx eventlog.Tx, k deadletter.Key, after int64, most int) ([]deadletter.Event, error) {
	events, err := d.lock(ctx, tx, k)
	if err == nil && len(events) == 0 {
		err = deadletter.ErrNotParked
	}
	if err != nil {
		return nil, fmt.Errorf("take parked sequence: %w", err)
	}
	var taken []deadletter.Event
	for i := range events {
		if events[i].ID > after && len(taken) < most {
			taken = append(taken, cloneParked(&events[i]))
		}
	}
	return taken, nil
}

// Done removes events that were replayed.
func (d *DeadLetters) Done(ctx context.Context, tx eventlog.Tx, k deadletter.Key, ids []int64, by deadletter.Decision) error {
	if err := by.Check(deadletter.Replayed); err != nil {
		return err
	}
	return d.remove(ctx, tx, k, ids, deadletter.Replayed, by)
}

// Failed notes another failure of an event.
func (d *DeadLetters) Failed(ctx context.Context, id int64, f deadletter.Failure) error {
	err := d.change(ctx, id, func(_ eventlog.Tx, e *deadletter.Event) error {
		e.Failure = f
		e.Attempts++
		if e.FirstFailed.IsZero() {
			e.FirstFailed = f.At
		}
		return nil
	})
	if isNotParked(err) {
		return nil
	}
	return err
}
