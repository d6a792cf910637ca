package embedded

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// endTransactions fences the producers and then marks their open transactions. Fencing comes first and is
// written to the broker's log: a producer that lives on would otherwise add to its transaction after the
// part before the crash was aborted, and commit the rest alone.
func endTransactions(ctx context.Context, addr string, open []openTail) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		return err
	}
	defer client.Close()
	if err := fence(ctx, client, open); err != nil {
		return fmt.Errorf("fence producers: %w", err)
	}
	for _, tail := range open {
		if err := writeMarker(ctx, client, tail); err != nil {
			return fmt.Errorf("end the transaction of producer %d in %s-%d: %w", tail.producer, tail.topic, tail.partition, err)
		}
	}
	return nil
}

// fence gives each producer a new epoch. One whose transactional id the broker has forgotten is refused anyway.
func fence(ctx context.Context, client *kgo.Client, open []openTail) error {
	epochs := make(map[int64]int16, len(open))
	for _, tail := range open {
		epochs[tail.producer] = max(tail.epoch, epochs[tail.producer])
	}
	known, err := kadm.NewClient(client).ListTransactions(ctx, nil, nil)
	if err != nil {
		return err
	}
	for _, txn := range known {
		epoch, ok := epochs[txn.ProducerID]
		if !ok {
			continue
		}
		req := kmsg.NewPtrInitProducerIDRequest()
		req.TransactionalID = &txn.TxnID
		req.TransactionTimeoutMillis = 1 // asked for, but the producer's own stays
		req.ProducerID, req.ProducerEpoch = txn.ProducerID, epoch
		resp, err := req.RequestWith(ctx, client)
		if err == nil {
			err = kerr.ErrorForCode(resp.ErrorCode)
		}
		if err != nil {
			return fmt.Errorf("transactional id %q: %w", txn.TxnID, err)
		}
	}
	return nil
}

func writeMarker(ctx context.Context, client *kgo.Client, tail openTail) error {
	topic := kmsg.NewWriteTxnMarkersRequestMarkerTopic()
	topic.Topic, topic.Partitions = tail.topic, []int32{tail.partition}
	marker := kmsg.NewWriteTxnMarkersRequestMarker()
	marker.ProducerID, marker.ProducerEpoch, marker.Committed = tail.producer, tail.epoch, tail.committed
	marker.Topics = append(marker.Topics, topic)
	req := kmsg.NewPtrWriteTxnMarkersRequest()
	req.Markers = append(req.Markers, marker)
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	for _, m := range resp.Markers {
		for _, t := range m.Topics {
			for _, p := range t.Partitions {
				err = errors.Join(err, kerr.ErrorForCode(p.ErrorCode))
			}
		}
	}
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return nil // files that a topic left which was deleted
	}
	return err
}
