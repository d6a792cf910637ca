package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/tenon-go/tenon/application/eventlog"
)

// ensure checks topics that this process hasn't seen yet, and makes the ones that are missing, if it may. It returns those
// that refuse records for good, with the reasons.
func (t *laneTopics) ensure(ctx context.Context, names []string) (map[string]error, error) {
	refused := make(map[string]error)
	for _, name := range names {
		if t.get(name) != nil {
			continue
		}
		err := t.check(ctx, name)
		switch {
		case err == nil:
		case refusesTopic(err):
			refused[name] = err
		default:
			return nil, err
		}
	}
	return refused, nil
}

// refusesTopic reports whether err says that no record gets to the topic until a person changes that.
func refusesTopic(err error) bool {
	return errors.Is(err, errTopicName) || errors.Is(err, kerr.InvalidTopicException) || errors.Is(err, kerr.TopicAuthorizationFailed) ||
		errors.Is(err, kerr.PolicyViolation)
}

// errTopicName says that Kafka has no topics of such a name.
var errTopicName = errors.New("invalid topic")

func (t *laneTopics) check(ctx context.Context, name string) error {
	if err := checkTopic(name); err != nil {
		return fmt.Errorf("%w: %w", errTopicName, err)
	}
	detail, err := t.admin.look(ctx, name)
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		if err := t.create(ctx, name); err != nil {
			return err
		}
		detail, err = t.admin.await(ctx, name)
	}
	if err != nil {
		return err
	}
	k := &laneTopic{name: name, partitions: len(detail.Partitions)}
	k.batchBytes.Store(defaultBatchBytes)
	k.now.Store(int64(k.partitions))
	_ = t.lookAgain(ctx, k) // unknown, it is for the broker to refuse
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known[name] == nil {
		t.known[name] = k
	}
	return nil
}

// lookAgain asks for what the topic takes at once. Who may write to a topic may still not be allowed to read its configs:
// then it isn't known, which is no error.
func (t *laneTopics) lookAgain(ctx context.Context, k *laneTopic) error {
	text, err := t.admin.topicConfig(ctx, k.name, "max.message.bytes")
	if err != nil {
		k.known.Store(k.known.Load() && !refusesTopic(err))
		return fmt.Errorf("ask what topic %s takes: %w", k.name, err)
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return fmt.Errorf("topic %s takes %q bytes: want a number", k.name, text)
	}
	k.batchBytes.Store(int64(n))
	k.known.Store(true)
	return nil
}

func (t *laneTopics) create(ctx context.Context, name string) error {
	if t.lanes.Existing {
		return fmt.Errorf("%w: topic %s doesn't exist, and topics aren't created here: create it", eventlog.ErrUnavailable, name)
	}
	err := t.ensureTopic(ctx, t.lanes.topicSpec(name))
	if errors.Is(err, kerr.InvalidReplicationFactor) { // brokers may be down
		return fmt.Errorf("%w: %w", eventlog.ErrUnavailable, err)
	}
	return err
}

// ensureTopic says so in the log if it was here that the topic was created: of several nodes that start together one does.
func (t *laneTopics) ensureTopic(ctx context.Context, spec TopicSpec) error {
	if err := spec.check(); err != nil {
		return err
	}
	created, err := t.admin.ensure(ctx, spec)
	if err != nil {
		return fmt.Errorf("create topic %s: %w", spec.Name, err)
	}
	if created {
		t.log.Info("topic created", "topic", spec.Name)
	}
	return nil
}
