package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// lookTimeout bounds the questions asked to explain an error.
const lookTimeout = 5 * time.Second

// errAgain ends a membership that only a new client can go on with: this one holds on to the id of a topic that was deleted.
var errAgain = errors.New("topic was deleted")

// examine looks at what went wrong with a partition. The client tries again by itself; what that can't cure ends the
// membership.
func (m *member) examine(ctx context.Context, topic string, number int32, err error) {
	var lost *kgo.ErrDataLoss
	w := m.worker(topic, number)
	switch {
	case ctx.Err() != nil || w == nil:
	case errors.Is(err, kerr.OffsetOutOfRange), errors.As(err, &lost):
		m.fail(m.outOfRange(ctx, w, err))
	case errors.Is(err, kerr.UnknownTopicID), errors.Is(err, kerr.UnknownTopicOrPartition):
		m.health.troubled(w.wrap(err))
		m.fail(errAgain)
	case !kerr.IsRetriable(err):
		m.health.troubled(w.wrap(err))
	}
}

// outOfRange explains that records which were not applied are gone. Going on elsewhere by itself would skip them silently.
func (m *member) outOfRange(ctx context.Context, w *worker, cause error) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	held := "what it holds couldn't be asked"
	adm := kadm.NewClient(m.cl)
	start, err := adm.ListStartOffsets(ctx, w.partition.Topic)
	end, endErr := adm.ListEndOffsets(ctx, w.partition.Topic)
	first, ok1 := start.Lookup(w.partition.Topic, w.partition.Number)
	last, ok2 := end.Lookup(w.partition.Topic, w.partition.Number)
	if err == nil && endErr == nil && ok1 && ok2 && first.Err == nil && last.Err == nil {
		held = fmt.Sprintf("it holds offsets %d to %d", first.Offset, last.Offset-1)
	}
	return fmt.Errorf("partition %d of topic %s at offset %d: %w: %s; the records were deleted before they were applied, or the broker was set back: "+
		"rebuild the projection under a new version, or set its checkpoint by hand if the loss is accepted",
		w.partition.Number, w.partition.Topic, w.position(), cause, held)
}
