package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fetchBytes is asked for at once: tens of thousands of small records.
const fetchBytes = 16 << 20

// fetch reads once from an offset on, what is committed, and returns where to go on. Unlike a consumer it knows when it is
// past an offset whose record compaction has removed, or which never was one.
func (r *cursorReader) fetch(ctx context.Context, from int64) (kgo.FetchPartition, int64, error) {
	none := kgo.FetchPartition{}
	raw, err := r.cl.Broker(int(r.leader)).RetriableRequest(ctx, r.request(from))
	if err != nil {
		return none, 0, err
	}
	response, ok := raw.(*kmsg.FetchResponse)
	if !ok {
		return none, 0, fmt.Errorf("the answer to a fetch is a %T", raw)
	}
	if err := kerr.ErrorForCode(response.ErrorCode); err != nil {
		return none, 0, err
	}
	if len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1 {
		return none, 0, errNoProgress
	}
	got := &response.Topics[0].Partitions[0]
	fetched, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		Offset: from, IsolationLevel: kgo.ReadCommitted(), Topic: r.topic, Partition: r.partition, KeepControlRecords: true,
	}, got, kgo.DefaultDecompressor(), nil)
	switch {
	case fetched.Err != nil:
		return none, 0, fetched.Err
	case next > from:
		return fetched, next, nil
	}
	// Something is there: compaction keeps a partition's newest batch. A busy broker may answer with nothing all the same, and
	// who believed it would take the lane for a new one.
	return none, 0, errNoProgress
}

func (r *cursorReader) request(from int64) *kmsg.FetchRequest {
	partition := kmsg.NewFetchRequestTopicPartition()
	partition.Partition = r.partition
	partition.FetchOffset = from
	partition.PartitionMaxBytes = fetchBytes
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID = r.topic, r.id
	topic.Partitions = append(topic.Partitions, partition)
	request := kmsg.NewPtrFetchRequest()
	request.MaxWaitMillis = 500
	request.MinBytes = 1
	request.MaxBytes = fetchBytes
	request.IsolationLevel = 1 // read committed
	request.SessionEpoch = -1  // no session
	request.Topics = append(request.Topics, topic)
	return request
}
