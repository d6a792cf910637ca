package kafka_test

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/tenon-go/tenon/adapters/embedded/kafkatest"
	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// A transaction that is open on an event topic alone, as a broker's crash leaves it, would become part of the lane's next one there.
func TestTransactionLeftOpenOnATopicIsEndedByItself(t *testing.T) {
	t.Parallel()
	if !kafkatest.Chosen() {
		t.Skip("only Apache Kafka can be brought to leave one open")
	}
	cluster := kafkatest.Start(t, kafkatest.Options{Properties: map[string]string{"transaction.partition.verification.enable": "false"}})
	r := newLaneRigOn(t, cluster.Addr())
	n := r.node(func(c *kafka.LanesConfig) { c.Partitions = 1 })
	s, _ := n.take(0)
	r.commit(s, r.batch(0, 1, 1, 1))
	s.Close()
	for id := range must(kadm.NewClient(r.cl).ListTransactions(t.Context(), nil, nil))(t) {
		r.leaveOpen(id)
	}
	s, state := n.take(0)
	if state.Progress.Batches != 1 {
		t.Fatalf("%d batches, want 1", state.Progress.Batches)
	}
	err := s.Commit(t.Context(), r.batch(0, 2, 2, 2))
	if !errors.Is(err, eventlog.ErrUnavailable) || !strings.Contains(err.Error(), "hung was ended") {
		t.Fatalf("commit to a topic with open transactions: %v", err)
	}
	s, _ = n.take(0)
	r.commit(s, r.batch(0, 2, 2, 2))
	for batch := int64(3); batch < 10; batch++ { // with all ids
		r.commit(s, r.batch(0, batch, batch, batch))
	}
	r.wantPublished(9)
}

// leaveOpen writes a record in a transaction of which the coordinator knows nothing.
func (r *laneRig) leaveOpen(id string) {
	r.Helper()
	// Newer requests to produce would tell the coordinator.
	cl := must(kgo.NewClient(kgo.SeedBrokers(r.broker), kgo.MaxVersions(kversion.V3_8_0()), kgo.DisableClientMetrics()))(r)
	defer cl.Close()
	begin := kmsg.NewPtrInitProducerIDRequest()
	begin.TransactionalID, begin.TransactionTimeoutMillis, begin.ProducerID, begin.ProducerEpoch = &id, 60_000, -1, -1
	var producer *kmsg.InitProducerIDResponse
	applicationtest.Eventually(r, func() error { // a broker may still be ending the last one
		producer = must(begin.RequestWith(r.Context(), cl))(r)
		return kerr.ErrorForCode(producer.ErrorCode)
	})
	e := event(1000)
	produce := kmsg.NewPtrProduceRequest()
	produce.TransactionID, produce.Acks, produce.TimeoutMillis = &id, -1, 10_000
	to := kmsg.NewProduceRequestTopic()
	to.Topic = topic
	partition := kmsg.NewProduceRequestTopicPartition()
	partition.Records = transactionalBatch(producer.ProducerID, producer.ProducerEpoch, e.AggregateID, e.Payload, relaying.Headers(&e))
	to.Partitions = append(to.Partitions, partition)
	produce.Topics = append(produce.Topics, to)
	produced := must(produce.RequestWith(r.Context(), cl))(r)
	if err := kerr.ErrorForCode(produced.Topics[0].Partitions[0].ErrorCode); err != nil {
		r.Fatal(err)
	}
}

// transactionalBatch returns one record as it is sent.
func transactionalBatch(producer int64, epoch int16, key string, value []byte, headers []relaying.Header) []byte {
	record := kmsg.Record{Key: []byte(key), Value: value}
	for _, h := range headers {
		record.Headers = append(record.Headers, kmsg.Header{Key: h.Name, Value: []byte(h.Value)})
	}
	record.Length = int32(len(record.AppendTo(nil)) - 1) //nolint:gosec // the length of 0 takes a byte
	const transactional, afterLength, afterCRC = 1 << 4, 12, 21
	batch := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, Attributes: transactional, ProducerID: producer, ProducerEpoch: epoch, NumRecords: 1,
		Records: record.AppendTo(nil),
	}
	batch.Length = int32(len(batch.AppendTo(nil)) - afterLength) //nolint:gosec // small
	raw := batch.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[afterCRC-4:], crc32.Checksum(raw[afterCRC:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}
