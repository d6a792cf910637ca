package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// mendCursor looks where the lane's progress is. Who may not look waits like everybody else.
func (l *Lanes) mendCursor(ctx context.Context, s *session) error {
	at := make(kadm.TopicsSet)
	at.Add(l.lanes.CursorTopic, int32(s.lane)) //nolint:gosec // below MaxLanes
	all, err := l.findHanging(ctx, s, at)
	if err != nil {
		return ctx.Err()
	}
	return l.mend(ctx, all)
}

// mendTopics looks once at topics to which the session is about to write: its transaction there would end what hangs as it
// ends itself, and until then nobody reads beyond. Later what is open there may be the session's own. Who may not look goes on.
func (s *session) mendTopics(ctx context.Context, topics []string) error {
	at := make(kadm.TopicsSet)
	for _, name := range topics {
		k := s.lanes.topics.get(name)
		if k == nil || s.examined[name] {
			continue
		}
		s.examined[name] = true
		for p := range int32(k.now.Load()) { //nolint:gosec // partitions
			at.Add(name, p)
		}
	}
	if len(at) == 0 {
		return nil
	}
	all, err := s.lanes.findHanging(ctx, s, at)
	switch {
	case len(all) > 0 && err != nil:
		return err
	case err != nil:
		return ctx.Err()
	}
	return s.lanes.mend(ctx, all)
}

// mend ends transactions that hang as they were decided. It returns nil if there are none, else errMended: the ids have to be
// taken again, for the clients know nothing of it. What can't be told is left to a person.
func (l *Lanes) mend(ctx context.Context, all []*hanging) error {
	if len(all) == 0 {
		return nil
	}
	for _, h := range all {
		commit, err := l.outcome(h)
		if err != nil {
			return err
		}
		if err := h.finish(ctx, commit); err != nil {
			return fmt.Errorf("end the transaction of %s that hangs: %w", h.id, err)
		}
		l.cfg.Logger.Warn("kafka transaction was left open by the brokers and is ended", "id", h.id, "commit", commit,
			"topic", h.first.Topic, "offset", h.first.CurrentTxnStartOffset, "partitions", h.partitions)
	}
	return errMended
}

// outcome reports whether the transaction is to be committed. If nobody knows it is aborted, as long as none of it has been
// published: the lane's progress goes with it, so that all of it is sent again.
func (l *Lanes) outcome(h *hanging) (commit bool, err error) {
	l.mu.Lock()
	d, ok := l.decided[h.id]
	l.mu.Unlock()
	switch {
	case ok && d.of(h.first):
		return d.commit, nil
	case len(h.ended) == 0:
		return false, nil
	}
	return false, fmt.Errorf("%w: transactional id %s, producer %d, is open since offset %d of partition %d of topic %s and ended in %v, "+
		"and no broker knows any more whether it was committed: look there, then end it by Kafka's WriteTxnMarkers or kafka-transactions.sh abort",
		errHanging, h.id, h.producer, h.first.CurrentTxnStartOffset, h.first.Partition, h.first.Topic, h.ended)
}

// finish runs an empty transaction of the id over the partitions: its marks end what is open there.
func (h *hanging) finish(ctx context.Context, commit bool) error {
	for n := 1; ; n++ {
		err := h.join(ctx)
		if err == nil {
			break
		}
		if !errors.Is(err, kerr.ConcurrentTransactions) || !pause(ctx, n) {
			return err
		}
	}
	req := kmsg.NewPtrEndTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = h.id, h.producer, h.epoch, commit
	answer, err := req.RequestWith(ctx, h.cl)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(answer.ErrorCode)
}

// join makes the partitions part of the id's new transaction.
func (h *hanging) join(ctx context.Context) error {
	req := kmsg.NewPtrAddPartitionsToTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch = h.id, h.producer, h.epoch
	h.partitions.EachPartitions(func(t string, partitions []int32) {
		topic := kmsg.NewAddPartitionsToTxnRequestTopic()
		topic.Topic, topic.Partitions = t, partitions
		req.Topics = append(req.Topics, topic)
	})
	answer, err := req.RequestWith(ctx, h.cl)
	if err != nil {
		return err
	}
	return joinErr(answer)
}

func joinErr(answer *kmsg.AddPartitionsToTxnResponse) error {
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("add partition %d of topic %s: %w", p.Partition, t.Topic, err)
			}
		}
	}
	return kerr.ErrorForCode(answer.ErrorCode)
}
