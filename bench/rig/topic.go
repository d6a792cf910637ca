package rig

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Topic makes an empty topic, in place of the one of that name if there is one.
func (r *Rig) Topic(ctx context.Context, name string, partitions int32) error {
	if err := r.DeleteTopic(ctx, name); err != nil {
		return err
	}
	// Kafka deletes in its own time.
	return Until(ctx, func() (bool, error) {
		_, err := r.admin.CreateTopic(ctx, partitions, -1, nil, name)
		if errors.Is(err, kerr.TopicAlreadyExists) {
			return false, nil
		}
		return err == nil, err
	})
}

// DeleteTopic deletes a topic if there is one.
func (r *Rig) DeleteTopic(ctx context.Context, name string) error {
	if _, err := r.admin.DeleteTopic(ctx, name); err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
		return fmt.Errorf("delete topic %s: %w", name, err)
	}
	return nil
}

// Ends returns how far a read_committed consumer can read each partition of a topic, and the sum: the number of records, and
// of the marks that transactions leave.
func (r *Rig) Ends(ctx context.Context, topic string) (ends map[int32]int64, sum int64, err error) {
	listed, err := r.admin.ListCommittedOffsets(ctx, topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, 0, fmt.Errorf("ask for the ends of topic %s: %w", topic, err)
	}
	ends = make(map[int32]int64)
	listed.Each(func(o kadm.ListedOffset) {
		ends[o.Partition] = o.Offset
		sum += o.Offset
	})
	return ends, sum, nil
}

// Read visits a topic's committed records up to the given ends, those of a partition in order.
func (r *Rig) Read(ctx context.Context, topic string, ends map[int32]int64, visit func(*kgo.Record) error) error {
	starts := make(map[int32]kgo.Offset)
	for p, end := range ends {
		if end > 0 {
			starts[p] = kgo.NewOffset().AtStart()
		}
	}
	if len(starts) == 0 {
		return nil
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(r.brokers...), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: starts}))
	if err != nil {
		return err
	}
	defer cl.Close()
	for left := len(starts); left > 0; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("read topic %s: %w", topic, err)
		}
		for iter := fetches.RecordIter(); !iter.Done(); {
			record := iter.Next()
			switch end := ends[record.Partition]; {
			case record.Offset >= end:
				continue
			case record.Offset == end-1:
				left--
			}
			if record.Attrs.IsControl() {
				continue
			}
			if err := visit(record); err != nil {
				return err
			}
		}
	}
	return nil
}

// patience is how long anything may take that a round waits for: what is lost must end the run, not hold it up.
const patience = 3 * time.Minute

// Until asks every few milliseconds until done says so, for three minutes at most. The error is its own, or says what ended the
// waiting.
func Until(ctx context.Context, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("not done within %v", patience))
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
