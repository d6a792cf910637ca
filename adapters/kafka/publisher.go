package kafka

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	watermillkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tenon-go/tenon/application/eventlog"
)

// Publisher sends messages to Kafka: watermill-kafka's publisher with an idempotent producer. Safe for concurrent use.
type Publisher struct {
	cfg Config

	open   sync.RWMutex // held for reading by messages in hand
	closed bool

	connect sync.Mutex
	target  *watermillkafka.Publisher // nil until a broker has answered
}

var _ message.Publisher = (*Publisher)(nil)

var (
	errClosed   = errors.New("publisher is closed")
	errReserved = errors.New("metadata " + watermillkafka.UUIDHeaderKey + " is reserved for Watermill's message id")
)

// NewPublisher returns a publisher. It doesn't connect yet.
func NewPublisher(cfg Config) (*Publisher, error) {
	cfg, err := cfg.checked()
	if err != nil {
		return nil, err
	}
	return &Publisher{cfg: cfg}, nil
}

// Publish sends the messages one after the other and returns when all in-sync replicas have them; it stops at the first that
// fails. Sending the same again may store a message twice, but never out of order.
//
// A message is given up after about a second while brokers refuse connections, and after two minutes at worst while they
// accept requests and don't answer: six attempts, each with up to 5 s for metadata, 3 s to connect, 10 s for the answer. The error wraps
// eventlog.ErrUnavailable when another attempt may succeed.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	p.open.RLock()
	defer p.open.RUnlock()
	if err := checkTopic(topic); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	target, err := p.connected()
	if err != nil {
		return fmt.Errorf("publish to %s: %w", topic, err)
	}
	if err := target.Publish(topic, messages...); err != nil {
		return fmt.Errorf("publish to %s: %w", topic, classify(err))
	}
	return nil
}

// connected returns Watermill's publisher, which asks the brokers for a producer id when it is made and is therefore made
// when the first message comes.
func (p *Publisher) connected() (*watermillkafka.Publisher, error) {
	if p.closed {
		return nil, errClosed
	}
	p.connect.Lock()
	defer p.connect.Unlock()
	if p.target != nil {
		return p.target, nil
	}
	target, err := watermillkafka.NewPublisher(watermillkafka.PublisherConfig{
		Brokers: p.cfg.Brokers, Marshaler: newMarshaler(), OverwriteSaramaConfig: producerConfig(p.cfg),
	}, watermill.NopLogger{})
	if err != nil {
		return nil, classify(fmt.Errorf("connect: %w", err))
	}
	p.target = target
	return target, nil
}

// Close waits for messages in hand and closes the connections. A second Close does nothing.
func (p *Publisher) Close() error {
	p.open.Lock()
	defer p.open.Unlock()
	p.closed = true
	if p.target == nil {
		return nil
	}
	err := p.target.Close()
	p.target = nil
	return err
}

// permanent lists what no further attempt can cure.
func permanent() []error {
	return []error{
		errReserved, sarama.ErrMessageSizeTooLarge, sarama.ErrInvalidTopic, sarama.ErrMessageSetSizeTooLarge, sarama.ErrInvalidRecord,
		sarama.ErrTopicAuthorizationFailed, sarama.ErrClusterAuthorizationFailed, sarama.ErrPolicyViolation, sarama.ErrUnsupportedVersion,
	}
}

// classify wraps err with eventlog.ErrUnavailable unless it is one that comes back however often the message is sent.
func classify(err error) error {
	if refused := access(err); refused != nil {
		return refused
	}
	var settings sarama.ConfigurationError
	if errors.As(err, &settings) || slices.ContainsFunc(permanent(), func(p error) bool { return errors.Is(err, p) }) {
		return err
	}
	return fmt.Errorf("%w: %w", eventlog.ErrUnavailable, err)
}
