package kafka

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/projection"
)

// assign names the offsets where fetching begins and starts the workers. The client calls it whenever partitions were added,
// before anything of them is fetched, and not while they are being revoked.
func (m *member) assign(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(m.ctx, cancel)()
	topics, err := m.topics(ctx, offsets)
	if err != nil {
		return nil, err
	}
	starts := make(map[projection.Partition]int64)
	for topic, partitions := range offsets {
		for number := range partitions {
			p := topics[topic]
			p.Number = number
			next, err := m.handler.Start(ctx, p)
			switch {
			case ctx.Err() != nil:
				return nil, ctx.Err()
			case err != nil:
				m.fail(err)
				return nil, err
			}
			starts[p] = next
		}
	}
	for p, next := range starts {
		if !m.start(p, next) {
			return nil, context.Canceled
		}
		offsets[p.Topic][p.Number] = offsetOf(next)
	}
	return offsets, nil
}

// offsetOf never carries a leader epoch: checkpoints have none.
func offsetOf(next int64) kgo.Offset {
	if next == projection.None {
		return kgo.NewOffset().AtStart()
	}
	return kgo.NewOffset().At(next)
}

// topics returns what is the same for all partitions of a topic.
func (m *member) topics(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]projection.Partition, error) {
	names := slices.Collect(maps.Keys(offsets))
	topics := make(map[string]projection.Partition, len(names))
	if len(names) == 0 {
		return topics, nil
	}
	details, err := kadm.NewClient(m.cl).ListTopics(ctx, names...)
	if err == nil {
		err = details.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("ask for topic ids: %w", err)
	}
	for _, d := range details {
		topics[d.Topic] = projection.Partition{Topic: d.Topic, ID: uuid.UUID(d.ID), Count: int32(len(d.Partitions))} //nolint:gosec // Kafka's own
	}
	return topics, nil
}
