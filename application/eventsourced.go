package application

import (
	"cmp"
	"context"
	"fmt"

	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// EventSourced returns a repository that keeps no state: Load folds the aggregate's events from the log, Save leaves
// the writing to the unit of work's append. With [Snapshots] it folds only what came after the last snapshot.
func EventSourced[A any, PA interface {
	*A
	domain.Aggregate
}](streams eventlog.Streams, c codec.Codec, aggregateType string, opts ...SourcedOption[PA]) Repository[PA] {
	s := eventSourced[A, PA]{streams: streams, codec: c, aggregateType: aggregateType}
	for _, o := range opts {
		o(&s.snapshots)
	}
	return s
}

type eventSourced[A any, PA interface {
	*A
	domain.Aggregate
}] struct {
	streams       eventlog.Streams
	codec         codec.Codec
	aggregateType string
	snapshots     snapshots[PA]
}

// eventsAlone marks the repositories that write nothing besides what the unit of work appends, and are told afterwards.
type eventsAlone interface {
	committed(ctx context.Context, a domain.Aggregate, before domain.Version)
}

func (s eventSourced[A, PA]) committed(ctx context.Context, a domain.Aggregate, before domain.Version) {
	s.snapshots.save(ctx, a.(PA), s.aggregateType, before) //nolint:errcheck,forcetypeassert // registered for PA
}

// Load folds the events of the aggregate; *domain.NotFoundError when it has none. A snapshot counts only if the log has the
// event that it stands on.
func (s eventSourced[A, PA]) Load(ctx context.Context, tx eventlog.Tx, id string) (PA, error) {
	a := PA(new(A))
	shot, err := s.snapshots.restore(ctx, tx, a, s.aggregateType, id)
	if err != nil {
		return nil, err
	}
	if shot {
		found, err := s.fold(ctx, tx, a, id, domain.Stored(a))
		if err != nil || found {
			return a, err
		}
	}
	a = PA(new(A)) // what a damaged snapshot left in it is gone
	if found, err := s.fold(ctx, tx, a, id, 0); err != nil || !found {
		return nil, cmp.Or(err, error(&domain.NotFoundError{Type: s.aggregateType, ID: id}))
	}
	return a, nil
}

// fold replays the events that follow a snapshot at version on, 0 for none, and reports whether the log has what it follows.
func (s eventSourced[A, PA]) fold(ctx context.Context, tx eventlog.Tx, a PA, id string, on domain.Version) (bool, error) {
	found := false
	for r, err := range s.streams.Stream(ctx, tx, s.aggregateType, id, max(on-1, 0)) {
		if err != nil {
			return false, fmt.Errorf("read stream: %w", err)
		}
		if !found && on > 0 {
			if found = r.Version == on; !found {
				return false, nil
			}
			continue
		}
		found = true
		meta := codec.Meta{ID: r.ID, Type: r.Type, SchemaVersion: r.SchemaVersion, AggregateType: r.AggregateType, AggregateID: r.AggregateID}
		e, err := s.codec.Decode(ctx, meta, r.Payload)
		if err != nil {
			return false, err
		}
		if r.Version == 1 {
			domain.Begin(a, id)
		}
		if have := domain.Stored(a); r.Version != have+1 {
			return false, fmt.Errorf("stream of %s %s has version %d after %d", s.aggregateType, id, r.Version, have)
		}
		domain.Replay(a, e)
	}
	return found, nil
}

// Save has nothing to write.
func (eventSourced[A, PA]) Save(context.Context, eventlog.Tx, []PA) error { return nil }
