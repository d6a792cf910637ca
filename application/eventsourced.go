package application

import (
	"context"
	"fmt"

	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// EventSourced returns a repository that keeps no state: Load folds the aggregate's events from the log, Save leaves
// the writing to the unit of work's append.
func EventSourced[A any, PA interface {
	*A
	domain.Aggregate
}](streams eventlog.Streams, c codec.Codec, aggregateType string) Repository[PA] {
	return eventSourced[A, PA]{streams: streams, codec: c, aggregateType: aggregateType}
}

type eventSourced[A any, PA interface {
	*A
	domain.Aggregate
}] struct {
	streams       eventlog.Streams
	codec         codec.Codec
	aggregateType string
}

// eventsAlone marks the repositories that write nothing besides what the unit of work appends.
type eventsAlone interface{ eventsAlone() }

func (eventSourced[A, PA]) eventsAlone() {}

// Load folds all events of the aggregate; *domain.NotFoundError when it has none.
func (s eventSourced[A, PA]) Load(ctx context.Context, tx eventlog.Tx, id string) (PA, error) {
	a := PA(new(A))
	for r, err := range s.streams.Stream(ctx, tx, s.aggregateType, id, 0) {
		if err != nil {
			return nil, fmt.Errorf("read stream: %w", err)
		}
		meta := codec.Meta{ID: r.ID, Type: r.Type, SchemaVersion: r.SchemaVersion, AggregateType: r.AggregateType, AggregateID: r.AggregateID}
		e, err := s.codec.Decode(ctx, meta, r.Payload)
		if err != nil {
			return nil, err
		}
		if r.Version == 1 {
			domain.Begin(a, id)
		}
		if have := domain.Stored(a); r.Version != have+1 {
			return nil, fmt.Errorf("stream of %s %s has version %d after %d", s.aggregateType, id, r.Version, have)
		}
		domain.Replay(a, e)
	}
	if domain.Stored(a) == 0 {
		return nil, &domain.NotFoundError{Type: s.aggregateType, ID: id}
	}
	return a, nil
}

// Save has nothing to write.
func (eventSourced[A, PA]) Save(context.Context, eventlog.Tx, []PA) error { return nil }
