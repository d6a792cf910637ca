package kafka

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/projection"
)

// Ends returns where the topics end for a reader of committed records: for each partition the offset at which the next record
// that it may see can be at the earliest. All topics must be there.
func (a *Admin) Ends(ctx context.Context, topics ...string) (map[projection.Partition]int64, error) {
	adm := kadm.NewClient(a.cl)
	details, err := adm.ListTopics(ctx, topics...)
	if err == nil {
		err = details.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("ask for topics: %w", unavailable(ctx, err))
	}
	offsets, err := adm.ListCommittedOffsets(ctx, topics...)
	if err == nil {
		err = offsets.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("ask for the ends of topics: %w", unavailable(ctx, err))
	}
	ends := make(map[projection.Partition]int64)
	for _, topic := range topics {
		for number := range details[topic].Partitions {
			end, ok := offsets.Lookup(topic, number)
			if !ok {
				return nil, fmt.Errorf("ask for the ends of topics: partition %d of %s has none", number, topic)
			}
			ends[projection.Partition{Topic: topic, ID: uuid.UUID(details[topic].ID), Number: number}] = end.Offset
		}
	}
	return ends, nil
}

// PartitionOf returns the partition of a topic with so many partitions that a key belongs to, as the relay's producers and Java's
// clients have it.
func PartitionOf(topic string, key []byte, partitions int) int32 {
	p := kgo.StickyKeyPartitioner(nil).ForTopic(topic)
	return int32(p.Partition(&kgo.Record{Topic: topic, Key: key}, partitions)) //nolint:gosec // of an int32 many
}
