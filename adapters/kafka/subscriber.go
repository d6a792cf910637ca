package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Subscriber is a [Source] as a Watermill subscriber: it delivers the messages of one consumer group, read_committed, a
// partition's one after the other, the next one when the last was acked, a nacked one again after a pause. Nothing that is on
// a topic can block it: see consuming.Message. Safe for concurrent use.
//
// Delivery is at least once: the group's offsets in Kafka follow the acks, and it goes on from them, from the beginning for a
// new group. Effects that commit with an inbox happen once nevertheless.
type Subscriber struct {
	cfg    Config
	source SourceConfig
	cl     *kgo.Client // asks for the group's offsets
	adm    *kadm.Client

	closing context.Context //nolint:containedctx // ends with Close, for all subscriptions
	close   context.CancelFunc
	running sync.WaitGroup

	mu            sync.Mutex
	closed        bool
	subscriptions []*subscription
}

var _ message.Subscriber = (*Subscriber)(nil)

// ErrSubscriberClosed says that Subscribe came after Close.
var ErrSubscriberClosed = errors.New("subscriber is closed")

// NewSubscriber returns a subscriber that connects when it is used. Topics of source are left out: Subscribe names them.
// MaxBatch bounds how many messages' acks one commit of offsets is behind; 0: 1.
func NewSubscriber(cfg Config, source SourceConfig) (*Subscriber, error) {
	checked, err := cfg.checked()
	if err != nil {
		return nil, err
	}
	if source.MaxBatch == 0 {
		source.MaxBatch = 1
	}
	source.Topics = []string{"named-by-subscribe"}
	if source, err = source.checked(); err != nil {
		return nil, err
	}
	cl, err := checked.client()
	if err != nil {
		return nil, err
	}
	s := &Subscriber{cfg: cfg, source: source, cl: cl, adm: kadm.NewClient(cl)}
	s.closing, s.close = context.WithCancel(context.Background())
	return s, nil
}

// Subscribe returns a channel of the topic's messages. It waits for brokers and topics that aren't there. When ctx ends or the
// subscriber is closed, the messages in hand have Grace to be acked, then their contexts end, then the channel is closed.
// It is closed too when reading can't go on without a person, which Health then says.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	config := s.source
	config.Topics = []string{topic}
	source, err := NewSource(s.cfg, config)
	if err != nil {
		return nil, fmt.Errorf("subscribe to %s: %w", topic, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrSubscriberClosed
	}
	ctx, cancel := context.WithCancel(ctx)
	n := &subscription{subscriber: s, source: source, out: make(chan *message.Message), ctx: ctx}
	s.subscriptions = append(s.subscriptions, n)
	stop := context.AfterFunc(s.closing, cancel)
	s.running.Go(func() {
		defer cancel()
		defer stop()
		defer close(n.out) // Run waits for whoever sends
		n.end(source.Run(ctx, n))
	})
	return n.out, nil
}

// Close ends all subscriptions as the end of their contexts would, and waits for them. A second call only waits.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.close()
	s.running.Wait()
	s.cl.Close()
	return nil
}

// Health returns nil while all subscriptions are members of the group and brokers answer, else what is wrong and since when.
func (s *Subscriber) Health() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, n := range s.subscriptions {
		errs = append(errs, n.health())
	}
	return errors.Join(errs...)
}
