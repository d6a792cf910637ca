package relaytest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/relaying"
)

// Published returns the records of a topic as a read_committed consumer finds them, a partition's in order. A topic that
// isn't there has none. brokers are host:port, separated by commas.
func Published(ctx context.Context, brokers, topic string) (records []*kgo.Record, err error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(brokers, ",")...), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.FetchMaxWait(10*time.Millisecond), kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	topics, err := admin.ListTopics(ctx, topic)
	if err != nil || !topics.Has(topic) {
		return nil, err
	}
	ends, err := admin.ListCommittedOffsets(ctx, topic)
	if err = errors.Join(err, ends.Error()); err != nil {
		return nil, err
	}
	left := make(map[int32]int64)
	begin := make(map[int32]kgo.Offset)
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
			begin[o.Partition] = kgo.NewOffset().At(0)
		}
	})
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: begin})
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("read %s: %w", topic, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if end, ok := left[r.Partition]; ok && r.Offset >= end-1 {
				delete(left, r.Partition)
			}
			if !r.Attrs.IsControl() {
				records = append(records, r)
			}
		})
	}
	return records, nil
}

// Header returns the value of a record's header, "" if it is absent.
func Header(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// Headers returns the record's headers that are Tenon's.
func Headers(r *kgo.Record) []relaying.Header {
	var all []relaying.Header
	for _, h := range r.Headers {
		if h.Key != "_watermill_message_uuid" {
			all = append(all, relaying.Header{Name: h.Key, Value: string(h.Value)})
		}
	}
	return all
}
