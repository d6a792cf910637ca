package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/tenon-go/tenon/application/relaying"
)

// errCursorTopic says that the cursor topic can't hold progress: waiting doesn't mend it.
var errCursorTopic = errors.New("the topic of the relay's progress is unfit")

// leastCursorBytes is room for a lane's progress with a window of very many open transactions, and for what is parked in one batch.
const leastCursorBytes = 64 << 10

// checkCursors makes the cursor topic if it isn't there and refuses one that could lose progress. Once per process.
func (l *Lanes) checkCursors(ctx context.Context) error {
	l.mu.Lock()
	ok := l.cursorsOK
	l.mu.Unlock()
	if ok {
		return nil
	}
	spec := l.lanes.cursorSpec()
	if err := l.topics.ensureTopic(ctx, spec); err != nil {
		return err
	}
	if err := l.admin.checkCursorTopic(ctx, spec.Name); err != nil {
		return err
	}
	f, err := l.admin.facts(ctx, spec.Name)
	if err != nil {
		return err
	}
	if f.maxBytes > 0 && f.maxBytes < leastCursorBytes {
		return fmt.Errorf("%w: %s takes records of up to %d bytes (max.message.bytes), want %d: raise it, or name another topic",
			errCursorTopic, spec.Name, f.maxBytes, leastCursorBytes)
	}
	spec.Partitions = 0 // there may be more, which is no harm
	for _, problem := range f.problems(spec) {
		l.cfg.Logger.Warn("kafka " + problem)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cursorsOK = true
	return nil
}

func (a *Admin) checkCursorTopic(ctx context.Context, topic string) error {
	detail, err := a.await(ctx, topic)
	if err != nil {
		return err
	}
	if n := len(detail.Partitions); n < relaying.MaxLanes {
		return fmt.Errorf("%w: %s has %d partitions, want %d, one for each lane there may be: add partitions, or name another topic",
			errCursorTopic, topic, n, relaying.MaxLanes)
	}
	policy, err := a.awaitConfig(ctx, topic, "cleanup.policy")
	switch {
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		return fmt.Errorf("%w: its cleanup.policy can't be read: allow DescribeConfigs on topic %s: %w", errCursorTopic, topic, err)
	case err != nil:
		return fmt.Errorf("read cleanup.policy of topic %s: %w", topic, err)
	case policy != "compact":
		return fmt.Errorf("%w: %s has cleanup.policy %q, want \"compact\", or progress is deleted: set it, or name another topic",
			errCursorTopic, topic, policy)
	}
	return nil
}
