package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/eventlog"
)

// A broker that crashes between a transaction's decision and its last mark writes the missing marks when it is back. Kafka 4
// leaves out partitions that have no leader at that moment, takes the transaction for complete and forgets its outcome
// with the next InitProducerID. There it stays open for good: nobody who reads read_committed gets past it. The owner
// of the transactional id can still end it.
var (
	errHanging = errors.New("a transaction hangs")
	errMended  = fmt.Errorf("%w: a transaction that hung was ended, its producer ids have to be taken again", eventlog.ErrUnavailable)
)

// decision is what a coordinator last told of a transactional id: which transaction, and what becomes of it.
type decision struct {
	producer int64
	epoch    int16
	commit   bool
}

// of reports whether the decision is about the transaction that a partition has under that epoch: brokers raise it, or don't, when they decide.
func (d decision) of(p kadm.DescribedProducer) bool {
	return d.producer == p.ProducerID && (d.epoch == p.ProducerEpoch || d.epoch == p.ProducerEpoch+1)
}

// noteDecisions asks what became of the ids' last transactions, before fencing makes brokers forget it. Who may not know goes on without.
func (l *Lanes) noteDecisions(ctx context.Context, s *session) error {
	told, err := kadm.NewClient(l.admin.cl).DescribeTransactions(ctx, s.ids...)
	for _, id := range s.ids {
		t, ok := told[id]
		switch {
		case err != nil, !ok:
		case kerr.IsRetriable(t.Err):
			return fmt.Errorf("ask for the last transaction of %s: %w", id, t.Err)
		case t.Err == nil:
			l.noteDecision(id, t)
		}
	}
	return ctx.Err()
}

func (l *Lanes) noteDecision(id string, t kadm.DescribedTransaction) {
	commit := slices.Contains([]string{"PrepareCommit", "CompleteCommit"}, t.State)
	if !commit && !slices.Contains([]string{"Ongoing", "PrepareAbort", "PrepareEpochFence", "CompleteAbort"}, t.State) {
		return // it is fenced and has begun nothing since: an earlier Take may have seen more
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.decided[id] = decision{producer: t.ProducerID, epoch: t.ProducerEpoch, commit: commit}
}

// hanging is a transaction of a fenced transactional id that is open all the same.
type hanging struct {
	id         string
	cl         *kgo.Client // its owner's
	producer   int64
	epoch      int16 // the id's newest
	first      kadm.DescribedProducer
	partitions kadm.TopicsSet // where it is open
	ended      kadm.TopicsSet // where it has its mark, or may have
}

// findHanging looks at partitions once the session's ids were taken, and before it writes there: until then a transaction may only be
// under way. The error tells why some couldn't be looked at.
func (l *Lanes) findHanging(ctx context.Context, s *session, at kadm.TopicsSet) ([]*hanging, error) {
	var all []*hanging
	described, unseen := kadm.NewClient(l.admin.cl).DescribeProducers(ctx, at)
	if unseen == nil {
		unseen = undescribed(described)
	}
	for _, p := range described.SortedProducers() {
		for i, cl := range s.clients {
			producer, epoch, err := cl.ProducerID(ctx)
			if err != nil {
				return nil, err
			}
			if p.CurrentTxnStartOffset >= 0 && p.ProducerID == producer && p.ProducerEpoch < epoch {
				all = append(all, &hanging{id: s.ids[i], cl: cl, producer: producer, epoch: epoch, first: p})
			}
		}
	}
	if len(all) == 0 {
		return nil, unseen
	}
	return all, l.locate(ctx, all)
}

// locate finds where else the transactions are, among all topics that may be seen.
func (l *Lanes) locate(ctx context.Context, all []*hanging) error {
	adm := kadm.NewClient(l.admin.cl)
	topics, err := adm.ListTopics(ctx)
	if err != nil {
		return fmt.Errorf("list topics: %w", err)
	}
	described, err := adm.DescribeProducers(ctx, topics.TopicsSet())
	if err != nil {
		return fmt.Errorf("describe producers: %w", err)
	}
	if err := undescribed(described); err != nil {
		return err
	}
	for _, h := range all {
		h.partitions, h.ended = make(kadm.TopicsSet), make(kadm.TopicsSet)
		for _, p := range described.SortedProducers() {
			switch {
			case p.ProducerID != h.producer:
			case p.CurrentTxnStartOffset >= 0:
				h.partitions.Add(p.Topic, p.Partition)
			case p.ProducerEpoch >= h.first.ProducerEpoch: // the same one where brokers don't raise it when they decide
				h.ended.Add(p.Topic, p.Partition)
			}
		}
	}
	return nil
}

// undescribed returns why a partition that counts may be missing: one that has no leader just now.
func undescribed(topics kadm.DescribedProducersTopics) error {
	for _, t := range topics {
		for _, p := range t.Partitions {
			if kerr.IsRetriable(p.Err) {
				return fmt.Errorf("describe producers of partition %d of topic %s: %w", p.Partition, p.Topic, p.Err)
			}
		}
	}
	return nil
}
