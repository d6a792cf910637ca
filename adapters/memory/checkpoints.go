package memory

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/domain"
)

// Checkpoints stores how far projections are in a [Table] of the log. Safe for concurrent use.
type Checkpoints struct {
	rows    *Table[checkpoint]
	applied *Table[domain.Version]
}

type checkpoint struct {
	topic uuid.UUID
	next  int64
	count int32
}

var _ projection.Checkpoints = (*Checkpoints)(nil)

// NewCheckpoints returns an empty store of checkpoints in the log's database.
func NewCheckpoints(log *Log) *Checkpoints {
	return &Checkpoints{rows: NewTable[checkpoint](log), applied: NewTable[domain.Version](log)}
}

// Next returns the committed offset, or projection.None.
func (c *Checkpoints) Next(ctx context.Context, name string, version int, p projection.Partition) (int64, error) {
	rows, err := c.rows.Rows(ctx)
	if err != nil {
		return 0, fmt.Errorf("read checkpoint: %w", err)
	}
	own, next := checkpointKey(name, version, p), projection.None
	for key, stored := range rows {
		switch {
		case key == own && stored.topic != p.ID:
			return 0, replaced(p, stored)
		case key == own:
			next = stored.next
		}
		if strings.HasPrefix(key, topicKey(name, version, p.Topic)) && stored.topic == p.ID && stored.count != p.Count && stored.count*p.Count > 0 {
			return 0, fmt.Errorf("topic %s had %d partitions and has %d: %w", p.Topic, stored.count, p.Count, projection.ErrPartitionsChanged)
		}
	}
	return next, nil
}

// Advance moves the checkpoint when tx commits. It waits for a transaction that has moved it and is still open.
func (c *Checkpoints) Advance(
	ctx context.Context, tx eventlog.Tx, name string, version int, p projection.Partition, from, to int64,
) error {
	key := checkpointKey(name, version, p)
	if err := c.rows.Lock(ctx, tx, key); err != nil {
		return fmt.Errorf("advance checkpoint: %w", err)
	}
	stored, ok, err := c.rows.Get(ctx, tx, key)
	switch {
	case err != nil:
		return fmt.Errorf("advance checkpoint: %w", err)
	case !ok:
		stored.next = projection.None
	case stored.topic != p.ID:
		return replaced(p, stored)
	}
	if stored.next != from {
		return fmt.Errorf("advance checkpoint of %s from %d: %w: it is at %d", key, from, projection.ErrMoved, stored.next)
	}
	if err := c.rows.Put(ctx, tx, key, checkpoint{topic: p.ID, next: to, count: max(p.Count, stored.count)}); err != nil {
		return fmt.Errorf("advance checkpoint: %w", err)
	}
	return nil
}

func replaced(p projection.Partition, stored checkpoint) error {
	return fmt.Errorf("topic %s was %s and is %s: %w", p.Topic, stored.topic, p.ID, projection.ErrTopicReplaced)
}

func checkpointKey(name string, version int, p projection.Partition) string {
	return topicKey(name, version, p.Topic) + strconv.Itoa(int(p.Number))
}

func topicKey(name string, version int, topic string) string {
	return fmt.Sprintf("%q/%d/%q/", name, version, topic)
}
