package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/relaying"
)

// Letters publishes copies of events that can't be applied on {topic}.DLT, with the headers of the original and three
// more: error, original-topic, failed-at.
type Letters struct {
	broker *Broker
	now    func() time.Time
}

var _ projection.DeadLetters = (*Letters)(nil)

// NewLetters returns dead letters that go to the broker; now nil means time.Now.
func NewLetters(broker *Broker, now func() time.Time) *Letters {
	if now == nil {
		now = time.Now
	}
	return &Letters{broker: broker, now: now}
}

// Publish appends the copy to the dead-letter topic.
func (d *Letters) Publish(ctx context.Context, failed projection.Delivery, cause error) error {
	err := d.broker.Publish(ctx, Message{
		Topic: failed.Partition.Topic + ".DLT", Key: string(failed.Key), Value: failed.Value,
		Headers: append(slices.Clone(failed.Headers),
			relaying.Header{Name: "error", Value: cause.Error()},
			relaying.Header{Name: "original-topic", Value: failed.Partition.Topic},
			relaying.Header{Name: "failed-at", Value: d.now().UTC().Format(time.RFC3339)}),
	})
	if err != nil {
		return fmt.Errorf("publish dead letter: %w", err)
	}
	return nil
}
