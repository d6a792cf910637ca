package application

import (
	"context"
	"fmt"
	"slices"

	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
)

// inline is a read model that commands keep up to date themselves.
type inline struct {
	projection.Projection

	codec codec.Codec // of its own types; nil: it gets events as they were recorded
}

// Inline keeps a read model in the transaction of each command that records one of its events: it is never behind, and each such
// command pays for its writes. Apply gets a unit's events in the order in which they were recorded, versions set, positions not,
// which are given out after it. An error fails the command, for which a conflict is retried as any; what Apply writes is
// undone with it.
//
// Topics, Version and Repeats count for nothing here. Rows of events that were there before have to be made by hand. Don't run
// the same projection from Kafka too.
func Inline(b *Builder, p projection.Projection) {
	if p.Name == "" || len(p.Types) == 0 || p.Apply == nil {
		b.errs = append(b.errs, fmt.Errorf("inline projection %q: want Name, Types and Apply", p.Name))
		return
	}
	in := inline{Projection: p}
	if p.Events != nil {
		in.codec = b.CodecOf(p.Events)
	}
	b.kernel.inline = append(b.kernel.inline, in)
}

// inlineWants reports whether a projection handles one of the unit's events.
func (u *Unit) inlineWants() bool {
	for i := range u.kernel.inline {
		if slices.ContainsFunc(u.happened, func(h happened) bool { return slices.Contains(u.kernel.inline[i].Types, h.record.Type) }) {
			return true
		}
	}
	return false
}

// applyInline lets read models have the unit's events, within its transaction.
func (u *Unit) applyInline(ctx context.Context, tx eventlog.Tx) error {
	for i := range u.kernel.inline {
		p := &u.kernel.inline[i]
		batch, err := p.batch(ctx, u.happened)
		if err == nil && len(batch) > 0 {
			err = p.Apply(ctx, tx, batch)
		}
		if err != nil {
			return fmt.Errorf("inline projection %s: %w", p.Name, err)
		}
	}
	return nil
}

func (p *inline) batch(ctx context.Context, all []happened) ([]projection.Event, error) {
	var batch []projection.Event
	for _, h := range all {
		if !slices.Contains(p.Types, h.record.Type) {
			continue
		}
		e := projection.Event{Record: h.record, Event: h.event}
		if p.codec != nil {
			r := &h.record
			meta := codec.Meta{ID: r.ID, Type: r.Type, SchemaVersion: r.SchemaVersion, AggregateType: r.AggregateType, AggregateID: r.AggregateID}
			var err error
			if e.Event, err = p.codec.Decode(ctx, meta, r.Payload); err != nil {
				return nil, err
			}
		}
		batch = append(batch, e)
	}
	return batch, nil
}
