package memory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/relaying"
)

// Broker has topics with partitions. Records with one key are on one partition, the one where Kafka would have them
// (murmur2), in the order in which they were published. Topics come into being when they are first named. Safe for
// concurrent use; make it with [NewBroker].
type Broker struct {
	partitions int
	changed    eventlog.Signal // records, members, topics or an outage's end

	mu      sync.Mutex
	topics  map[string]*topic
	groups  map[string]*group
	cursors map[uuid.UUID]eventlog.Cursor // by log: what of it is published
	outages int
}

type topic struct {
	id         uuid.UUID
	partitions [][]projection.Delivery
}

// Message is a record to publish.
type Message struct {
	Topic   string
	Key     string
	Value   []byte
	Headers []relaying.Header
}

// NewBroker returns a broker without topics, which are made with that many partitions: at least 1.
func NewBroker(partitions int) *Broker {
	return &Broker{
		partitions: max(partitions, 1),
		topics:     make(map[string]*topic),
		groups:     make(map[string]*group),
		cursors:    make(map[uuid.UUID]eventlog.Cursor),
	}
}

// Publish appends the messages to their partitions, all or, after an error, none.
func (b *Broker) Publish(ctx context.Context, messages ...Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.ready(ctx); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	b.append(messages)
	return nil
}

// errMoved says that another relay has published what follows the cursor.
var errMoved = errors.New("cursor was moved by another relay")

// advance publishes the messages and moves the log's cursor, both or neither: what makes the relay's delivery exactly once.
func (b *Broker) advance(ctx context.Context, log uuid.UUID, from, to eventlog.Cursor, messages []Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.ready(ctx); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if b.cursors[log] != from {
		return errMoved
	}
	b.cursors[log] = to
	b.append(messages)
	return nil
}

// cursor returns how far the log is published.
func (b *Broker) cursor(ctx context.Context, log uuid.UUID) (eventlog.Cursor, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.ready(ctx); err != nil {
		return "", fmt.Errorf("read cursor: %w", err)
	}
	return b.cursors[log], nil
}

// Records returns what is on a topic: partition by partition, each in order. A topic that isn't there has none.
func (b *Broker) Records(ctx context.Context, name string) ([]projection.Delivery, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.ready(ctx); err != nil {
		return nil, fmt.Errorf("read topic %s: %w", name, err)
	}
	t := b.topics[name]
	if t == nil {
		return nil, nil
	}
	return slices.Concat(t.partitions...), nil
}

// Delete removes a topic with all its records. Whoever reads it finds a new topic of that name, with another id.
func (b *Broker) Delete(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.topics, name)
	b.rebalance()
	b.changed.Raise()
}

// Break starts an outage: until mend is called everything gives eventlog.ErrUnavailable. Mending twice does nothing.
func (b *Broker) Break() (mend func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outages++
	b.changed.Raise() // who waits for records learns of it
	return sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.outages--
		b.changed.Raise()
	})
}

// ready reports why nothing can be done now. The caller holds the mutex.
func (b *Broker) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if b.outages > 0 {
		return fmt.Errorf("memory broker: %w", eventlog.ErrUnavailable)
	}
	return nil
}
