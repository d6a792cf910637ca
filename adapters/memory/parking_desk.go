package memory

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
)

// Edit gives an event another payload.
func (d *DeadLetters) Edit(ctx context.Context, id int64, payload []byte, by deadletter.Decision) error {
	if err := by.Check(deadletter.EditedBy); err != nil {
		return err
	}
	if payload == nil {
		return errors.New("payload is missing")
	}
	return d.change(ctx, id, func(tx eventlog.Tx, e *deadletter.Event) error {
		before := e.Current()
		e.Edited = bytes.Clone(payload)
		return d.record(ctx, tx, e, deadletter.EditedBy, by, before)
	})
}

// Discard gives an event up.
func (d *DeadLetters) Discard(ctx context.Context, id int64, by deadletter.Decision) error {
	if err := by.Check(deadletter.Discarded); err != nil {
		return err
	}
	k, err := d.keyOf(ctx, id)
	if err != nil {
		return err
	}
	return d.inTx(ctx, func(tx eventlog.Tx) error {
		return d.remove(ctx, tx, k, []int64{id}, deadletter.Discarded, by)
	})
}

// Actions returns what was decided, newest first.
func (d *DeadLetters) Actions(ctx context.Context, most int) ([]deadletter.Action, error) {
	rows, err := d.actions.Rows(ctx)
	if err != nil {
		return nil, fmt.Errorf("actions: %w", err)
	}
	var all []deadletter.Action
	for _, a := range rows {
		all = append(all, a)
	}
	slices.Reverse(all)
	return all[:min(most, len(all))], nil
}

// remove takes events out of a sequence that is locked by tx, and the sequence away with its last.
func (d *DeadLetters) remove(
	ctx context.Context, tx eventlog.Tx, k deadletter.Key, ids []int64, kind deadletter.ActionKind, by deadletter.Decision,
) error {
	events, err := d.lock(ctx, tx, k)
	if err != nil {
		return fmt.Errorf("remove parked events: %w", err)
	}
	var rest []deadletter.Event
	for i := range events {
		e := &events[i]
		if !slices.Contains(ids, e.ID) {
			rest = append(rest, *e)
			continue
		}
		var payload []byte
		if kind == deadletter.Discarded {
			payload = e.Current()
		}
		if err := d.record(ctx, tx, e, kind, by, payload); err != nil {
			return err
		}
	}
	if len(events)-len(rest) != len(ids) {
		return fmt.Errorf("events %v of %s: %w", ids, rowOf(k), deadletter.ErrNotParked)
	}
	if len(rest) == 0 {
		return d.sequences.Delete(ctx, tx, rowOf(k))
	}
	return d.sequences.Put(ctx, tx, rowOf(k), rest)
}

// change replaces one event in a transaction of its own.
func (d *DeadLetters) change(ctx context.Context, id int64, how func(eventlog.Tx, *deadletter.Event) error) error {
	k, err := d.keyOf(ctx, id)
	if err != nil {
		return err
	}
	return d.inTx(ctx, func(tx eventlog.Tx) error {
		events, err := d.lock(ctx, tx, k)
		if err != nil {
			return err
		}
		events = slices.Clone(events)
		i := slices.IndexFunc(events, func(e deadletter.Event) bool { return e.ID == id })
		if i < 0 {
			return fmt.Errorf("event %d: %w", id, deadletter.ErrNotParked)
		}
		if err := how(tx, &events[i]); err != nil {
			return err
		}
		return d.sequences.Put(ctx, tx, rowOf(k), events)
	})
}

func (d *DeadLetters) keyOf(ctx context.Context, id int64) (deadletter.Key, error) {
	found, err := d.Events(ctx, deadletter.Filter{IDs: []int64{id}}, 0, 1)
	switch {
	case err != nil:
		return deadletter.Key{}, err
	case len(found) == 0:
		return deadletter.Key{}, fmt.Errorf("event %d: %w", id, deadletter.ErrNotParked)
	}
	return found[0].Key, nil
}

func (d *DeadLetters) inTx(ctx context.Context, work func(eventlog.Tx) error) error {
	tx, err := d.log.Begin(ctx)
	if err != nil {
		return err
	}
	if err := work(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit(ctx)
}

func (d *DeadLetters) record(
	ctx context.Context, tx eventlog.Tx, e *deadletter.Event, kind deadletter.ActionKind, by deadletter.Decision, payload []byte,
) error {
	return d.actions.Put(ctx, tx, fmt.Sprintf("%020d", d.ids.Add(1)), deadletter.Action{
		Kind: kind, Event: e.ID, Key: e.Key, Offset: e.Offset, EventID: e.EventID, Decision: by,
		Payload: bytes.Clone(payload), At: d.now().UTC(),
	})
}

func isNotParked(err error) bool { return errors.Is(err, deadletter.ErrNotParked) }

func rowOf(k deadletter.Key) string {
	return fmt.Sprintf("%q/%d/%q/%d/%q/%q", k.Projection, k.Version, k.Topic, k.Partition, k.AggregateType, k.AggregateID)
}

// cloneParked returns a copy that shares no memory with e.
func cloneParked(e *deadletter.Event) deadletter.Event {
	c := *e
	c.RecordKey, c.Payload, c.Edited = bytes.Clone(e.RecordKey), bytes.Clone(e.Payload), bytes.Clone(e.Edited)
	c.Headers = slices.Clone(e.Headers)
	return c
}

// byAge orders events by when they were parked.
func byAge(a, b deadletter.Event) int { return cmp.Compare(a.ID, b.ID) }
