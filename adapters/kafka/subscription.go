package kafka

import (
	"context"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tenon-go/tenon/application/consuming"
	"github.com/tenon-go/tenon/application/projection"
)

// subscription hands what a source delivers to a channel, and waits for each message's ack.
type subscription struct {
	subscriber *Subscriber
	source     *Source
	out        chan *message.Message
	ctx        context.Context // ends when nothing more is to be delivered

	mu     sync.Mutex
	failed error // what ended it
}

var _ projection.Handler = (*subscription)(nil)

// Start returns the group's offset as Kafka has it, asking until a broker answers.
func (n *subscription) Start(ctx context.Context, p projection.Partition) (int64, error) {
	for attempt := 1; ; attempt++ {
		offsets, err := n.subscriber.adm.FetchOffsets(ctx, n.subscriber.source.Group)
		if at, ok := offsets.Lookup(p.Topic, p.Number); err == nil && (!ok || at.Err == nil) {
			if !ok || at.At < 0 {
				return projection.None, nil
			}
			return at.At, nil
		}
		if !pause(ctx, attempt) {
			return projection.None, ctx.Err()
		}
	}
}

// Handle delivers a batch, each message until it is acked.
func (n *subscription) Handle(ctx context.Context, _ projection.Partition, from int64, batch []projection.Delivery) (int64, error) {
	for _, d := range batch {
		for attempt := 1; ; attempt++ {
			acked, err := n.deliver(ctx, d)
			if err != nil {
				return from, err
			}
			if acked {
				break
			}
			if !pause(ctx, attempt) {
				return from, ctx.Err()
			}
		}
		from = d.Offset + 1
	}
	return from, nil
}

// deliver hands one message over and reports whether it was acked; its context ends when it has been settled or is somebody
// else's.
func (n *subscription) deliver(ctx context.Context, d projection.Delivery) (bool, error) {
	delivered, cancel := context.WithCancel(consuming.WithDelivery(ctx, d))
	defer cancel()
	m := consuming.Message(d)
	m.SetContext(delivered)
	select {
	case n.out <- m:
	case <-n.ctx.Done(): // nobody may be receiving any more
		return false, n.ctx.Err()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	select {
	case <-m.Acked():
		return true, nil
	case <-m.Nacked():
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

func (n *subscription) end(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.failed = err
}

func (n *subscription) health() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.failed != nil {
		return n.failed
	}
	return n.source.Health()
}
