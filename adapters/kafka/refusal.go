package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// refuseUnsent returns the records that can't be sent, nil if all can.
func (t *transaction) refuseUnsent(ctx context.Context, topics map[string]error) error {
	var refusals []relaying.Refusal
	looked := make(map[string]bool)
	for i, r := range t.records {
		err := topics[r.Topic]
		if err == nil {
			k := t.s.lanes.topics.get(r.Topic)
			size := batchSize(r)
			if k.refuses(size) && !looked[r.Topic] { // it may take more by now; the clients of this session don't know
				looked[r.Topic] = true
				switch err := t.s.lanes.topics.lookAgain(ctx, k); {
				case err != nil && k.refuses(size):
					return fmt.Errorf("%w: %w", eventlog.ErrUnavailable, err)
				case !k.refuses(size):
					return fmt.Errorf("%w: topic %s takes larger records than before", eventlog.ErrUnavailable, r.Topic)
				}
			}
			if k.refuses(size) {
				err = fmt.Errorf("%w: it has %d bytes with its headers, topic %s takes %d", kerr.MessageTooLarge, size, r.Topic, k.batchBytes.Load())
			}
		}
		if err != nil {
			refusals = append(refusals, relaying.Refusal{Index: i, Err: err})
		}
	}
	return refusedError(refusals)
}

func refusedError(refusals []relaying.Refusal) error {
	if len(refusals) == 0 {
		return nil
	}
	return &relaying.RefusedError{Refusals: refusals}
}

// refusesBatch reports whether err is about the bytes that were sent. A broker looks at the records of one partition
// together and says the same of all of them.
func refusesBatch(err error) bool {
	return slices.ContainsFunc([]error{
		kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidRecord, kerr.InvalidTimestamp,
	}, func(e error) bool { return errors.Is(err, e) })
}

// verdict looks at what was said about each record. Most errors are only the echo of one: a partition's other records
// fail with it, and those of other partitions because the transaction can't be committed any more.
func (t *transaction) verdict(ctx context.Context) error {
	if !t.failed {
		return nil
	}
	all := slices.Concat(t.cursorErrs, t.errs)
	if i := slices.IndexFunc(all, fenced); i >= 0 {
		return laneError(ctx, all[i])
	}
	if err := t.cursorVerdict(ctx); err != nil {
		return err
	}
	batches := make(map[place]int)
	for i, err := range t.errs {
		if refusesBatch(err) {
			batches[place{t.records[i].Topic, t.records[i].Partition}]++
		}
	}
	var refusals []relaying.Refusal
	var other error
	for i, err := range t.errs {
		r := t.records[i]
		k := t.s.lanes.topics.get(r.Topic)
		switch {
		case err == nil:
		case refusesTopic(err), refusesBatch(err) && (k.apart.Load() || batches[place{r.Topic, r.Partition}] == 1):
			refusals = append(refusals, relaying.Refusal{Index: i, Err: fmt.Errorf("topic %s: %w", r.Topic, err)})
		case refusesBatch(err):
			other = fmt.Errorf("%w: the broker refused one of %d records of topic %s; they are sent one by one from now on: %w",
				eventlog.ErrUnavailable, batches[place{r.Topic, r.Partition}], r.Topic, err)
		case other == nil:
			other = laneError(ctx, fmt.Errorf("send to topic %s: %w", r.Topic, err))
		}
	}
	t.sendApart(batches)
	if err := refusedError(refusals); err != nil {
		return err
	}
	return other
}

// sendApart makes the topics' records be sent one by one, in this process for good: their limit isn't what it seemed.
func (t *transaction) sendApart(batches map[place]int) {
	for p, n := range batches {
		k := t.s.lanes.topics.get(p.topic)
		if n > 1 && k.apart.CompareAndSwap(false, true) {
			t.s.lanes.cfg.Logger.Warn("records of a topic are sent one by one, to find the one that is refused: "+
				"allow this client DescribeConfigs on it, and restart when its max.message.bytes was changed", "topic", p.topic)
		}
	}
}

// cursorVerdict looks at what was said about the lane's own records. Those are never parked.
func (t *transaction) cursorVerdict(ctx context.Context) error {
	topic := t.s.lanes.lanes.CursorTopic
	for _, err := range t.cursorErrs {
		switch {
		case err == nil:
		case errors.Is(err, kerr.TopicAuthorizationFailed):
			return t.unauthorized(ctx, err)
		case refusesTopic(err), refusesBatch(err):
			return fmt.Errorf("%w: topic %s refuses a record: change its settings: %w", errCursorTopic, topic, err)
		}
	}
	return t.firstOfCursor(ctx)
}

func (t *transaction) firstOfCursor(ctx context.Context) error {
	for _, err := range t.errs {
		if refusesTopic(err) || refusesBatch(err) {
			return nil // the cause is there
		}
	}
	for _, err := range t.cursorErrs {
		if err != nil {
			return laneError(ctx, fmt.Errorf("send progress: %w", err))
		}
	}
	return nil
}

// unauthorized finds out which topics may not be written to. Brokers before Kafka 4 refuse all of a transaction's
// partitions for one that is forbidden.
func (t *transaction) unauthorized(ctx context.Context, cause error) error {
	cursors := t.s.lanes.lanes.CursorTopic
	details, err := kadm.NewClient(t.s.lanes.admin.cl).ListTopics(kadm.WithAuthorizedOps(ctx), append([]string{cursors}, t.topics...)...)
	if err != nil {
		return laneError(ctx, fmt.Errorf("ask what may be written to: %w", err))
	}
	forbidden := func(topic string) bool {
		d := details[topic]
		return errors.Is(d.Err, kerr.TopicAuthorizationFailed) || d.Err == nil && !slices.Contains(d.AuthorizedOperations, kadm.OpWrite)
	}
	if forbidden(cursors) {
		return fmt.Errorf("%w: allow Write on topic %s: %w", errCursorTopic, cursors, cause)
	}
	var refusals []relaying.Refusal
	for i, r := range t.records {
		if forbidden(r.Topic) {
			refusals = append(refusals, relaying.Refusal{Index: i, Err: fmt.Errorf("topic %s: %w", r.Topic, kerr.TopicAuthorizationFailed)})
		}
	}
	if err := refusedError(refusals); err != nil {
		return err
	}
	return fmt.Errorf("%w: %w", eventlog.ErrUnavailable, cause) // it was allowed meanwhile
}
