package application

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// ErrEndless says that Before handlers went on recording events that call for Before handlers.
var ErrEndless = errors.New("before-commit handlers don't come to an end")

// maxRounds bounds how often Before handlers may call forth new events. Chains that mean something are a few rounds
// long.
const maxRounds = 100

// commit writes the unit: a unit without events or messages needs nothing, one that only adds to the log hands its records
// to the store's appender where there is one, the others get a transaction. Events are encoded before.
func (u *Unit) commit(ctx context.Context) error {
	if err := u.collect(ctx); err != nil {
		return err
	}
	if len(u.happened) == 0 && len(u.messages) == 0 {
		return nil
	}
	commit := u.transact
	if u.kernel.appender != nil && u.onlyAppends() {
		commit = u.append
	}
	if err := commit(ctx); err != nil {
		return err
	}
	for _, t := range u.tracked {
		before := domain.Stored(t.aggregate)
		domain.Committed(t.aggregate)
		if told, ok := t.kind.repo.(eventsAlone); ok {
			told.committed(ctx, t.aggregate, before)
		}
	}
	return nil
}

// onlyAppends reports whether nothing but the log is written or asked in the unit's commit: its aggregates keep no state
// beside their events, no Before handler or inline projection wants the transaction, and nothing that was only read is checked.
func (u *Unit) onlyAppends() bool {
	for _, t := range u.tracked {
		changed := len(domain.Recorded(t.aggregate)) > 0
		if (changed && !t.kind.stateless) || (!changed && t.checked) {
			return false
		}
	}
	for _, h := range u.happened {
		if len(u.kernel.before[reflect.TypeOf(h.event)]) > 0 {
			return false
		}
	}
	return !u.inlineWants()
}

// append stores a unit of records alone.
func (u *Unit) append(ctx context.Context) error {
	records, err := u.records()
	if err != nil {
		return err
	}
	if err := u.kernel.appender.AppendUnit(ctx, records); err != nil {
		return fmt.Errorf("append events: %w", err)
	}
	return nil
}

// transact writes the unit in one transaction.
func (u *Unit) transact(ctx context.Context) error {
	tx, err := u.kernel.store.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing; otherwise another error is being returned
	if err := u.before(ctx, tx); err != nil {
		return err
	}
	records, err := u.records()
	if err != nil {
		return err
	}
	return u.write(ctx, tx, records)
}

// collect encodes the events recorded since the last call, in the order in which the unit met their aggregates.
func (u *Unit) collect(ctx context.Context) error {
	for i := range u.tracked {
		t := &u.tracked[i]
		events := domain.Recorded(t.aggregate)
		for ; t.collected < len(events); t.collected++ {
			h, err := u.encode(ctx, t, events[t.collected])
			if err != nil {
				return err
			}
			u.happened = append(u.happened, h)
		}
	}
	return nil
}

func (u *Unit) encode(ctx context.Context, t *tracked, e domain.Event) (happened, error) {
	k := u.kernel
	name, schema, err := k.types.NameOf(e)
	if err != nil {
		return happened{}, fmt.Errorf("record of %s: %w", t.kind.name, err)
	}
	r := u.record()
	r.Topic = t.kind.topics(t.kind.name, name)
	r.AggregateType, r.AggregateID = t.kind.name, domain.IDOf(t.aggregate)
	r.Version = domain.Stored(t.aggregate) + domain.Version(t.collected) + 1
	r.Type, r.SchemaVersion = name, schema
	meta := codec.Meta{ID: r.ID, Type: name, SchemaVersion: schema, AggregateType: r.AggregateType, AggregateID: r.AggregateID}
	if r.Payload, err = k.codec.Encode(ctx, meta, e); err != nil {
		return happened{}, err
	}
	return happened{event: e, record: r}, nil
}

// record returns a record with what all records of the unit share.
func (u *Unit) record() eventlog.Record {
	md := u.metadata
	return eventlog.Record{
		ID: u.kernel.newID(), Metadata: md.Extra, CorrelationID: md.CorrelationID, CausationID: md.CausationID,
		Traceparent: md.Traceparent, Actor: md.Actor, RecordedAt: u.now,
	}
}

// before runs the Before handlers of every event, also of those which they call forth.
func (u *Unit) before(ctx context.Context, tx eventlog.Tx) error {
	if len(u.kernel.before) == 0 {
		return nil
	}
	u.tx = tx
	defer func() { u.tx = nil }()
	for done, round := 0, 0; done < len(u.happened); round++ {
		if round == maxRounds {
			return fmt.Errorf("%w: after %d rounds %s is still followed by new events", ErrEndless, round, u.happened[done].record.Type)
		}
		for end := len(u.happened); done < end; done++ {
			h := u.happened[done]
			for _, handle := range u.kernel.before[reflect.TypeOf(h.event)] {
				if err := handle(ctx, u, h); err != nil {
					return fmt.Errorf("before commit of %s: %w", h.record.Type, err)
				}
			}
		}
		if err := u.collect(ctx); err != nil {
			return err
		}
	}
	return nil
}

// records returns all rows to append: events, then messages.
func (u *Unit) records() ([]eventlog.Record, error) {
	records := make([]eventlog.Record, 0, len(u.happened)+len(u.messages))
	for _, h := range u.happened {
		records = append(records, h.record)
	}
	for i, m := range u.messages {
		if m.Topic == "" || m.Key == "" || m.Type == "" {
			return nil, fmt.Errorf("publish message %d (topic %q, key %q, type %q): want all three", i, m.Topic, m.Key, m.Type)
		}
		payload, err := encodeMessage(m.Payload)
		if err != nil {
			return nil, fmt.Errorf("publish message %d (%s): %w", i, m.Type, err)
		}
		r := u.record()
		r.Topic, r.AggregateID, r.Type, r.SchemaVersion, r.Payload = m.Topic, m.Key, m.Type, max(m.SchemaVersion, 1), payload
		if m.Metadata != nil {
			r.Metadata = m.Metadata
		}
		records = append(records, r)
	}
	return records, nil
}

func encodeMessage(payload any) ([]byte, error) {
	// json.Marshal would compact a RawMessage: what was given is what is published.
	if raw, ok := payload.(json.RawMessage); ok {
		if !json.Valid(raw) {
			return nil, errors.New("payload is not valid JSON")
		}
		return raw, nil
	}
	return json.Marshal(payload)
}

// write saves the state of all changed aggregates, a type at a time, then inline projections, appends the events, guards what
// was only read and commits.
func (u *Unit) write(ctx context.Context, tx eventlog.Tx, records []eventlog.Record) error {
	guards, err := u.save(ctx, tx)
	if err != nil {
		return err
	}
	return finish(ctx, tx, records, guards)
}

// save writes the state of all changed aggregates, then inline projections, and returns the heads of those that were only read
// and are checked.
func (u *Unit) save(ctx context.Context, tx eventlog.Tx) ([]eventlog.Head, error) {
	var changed []tracked
	var guards []eventlog.Head
	for _, t := range u.tracked {
		switch {
		case len(domain.Recorded(t.aggregate)) > 0:
			changed = append(changed, t)
		case t.checked:
			guards = append(guards, eventlog.Head{Type: t.kind.name, ID: domain.IDOf(t.aggregate), Version: domain.Stored(t.aggregate)})
		}
	}
	// One order of locking in every unit: fewer deadlocks.
	slices.SortFunc(changed, func(a, b tracked) int {
		return cmp.Or(cmp.Compare(a.kind.rank, b.kind.rank), cmp.Compare(domain.IDOf(a.aggregate), domain.IDOf(b.aggregate)))
	})
	for start := 0; start < len(changed); {
		kind, end := changed[start].kind, start
		var group []domain.Aggregate
		for ; end < len(changed) && changed[end].kind == kind; end++ {
			group = append(group, changed[end].aggregate)
		}
		if err := kind.save(ctx, tx, group); err != nil {
			return nil, fmt.Errorf("save %s: %w", kind.name, err)
		}
		start = end
	}
	return guards, u.applyInline(ctx, tx)
}

// finish ends the unit, in one step where nothing is to be guarded and the store can.
func finish(ctx context.Context, tx eventlog.Tx, records []eventlog.Record, guards []eventlog.Head) error {
	if f, ok := tx.(eventlog.Finisher); ok && len(guards) == 0 {
		if err := f.Finish(ctx, records); err != nil {
			return fmt.Errorf("append events and commit: %w", err)
		}
		return nil
	}
	if err := appendAndGuard(ctx, tx, records, guards); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func appendAndGuard(ctx context.Context, tx eventlog.Tx, records []eventlog.Record, guards []eventlog.Head) error {
	if err := tx.Append(ctx, records); err != nil {
		return fmt.Errorf("append events: %w", err)
	}
	if err := tx.Guard(ctx, guards); err != nil {
		return fmt.Errorf("check what was read: %w", err)
	}
	return nil
}
