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
	ids, err := m.topicIDs(ctx, offsets)
	if err != nil {
		return nil, err
	}
	starts := make(map[projection.Partition]int64)
	for topic, partitions := range offsets {
		for number := range partitions {
			p := projection.Partition{Topic: topic, ID: ids[topic], Number: number}
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

func (m *member) topicIDs(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]uuid.UUID, error) {
	topics := slices.Collect(maps.Keys(offsets))
	ids := make(map[string]uuid.UUID, len(topics))
	if len(topics) == 0 {
		return ids, nil
	}
	details, err := kadm.NewClient(m.cl).ListTopics(ctx, topics...)
	if err == nil {
		err = details.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("ask for topic ids: %w", err)
	}
	for _, d := range details {
		ids[d.Topic] = uuid.UUID(d.ID)
	}
	return ids, nil
}
