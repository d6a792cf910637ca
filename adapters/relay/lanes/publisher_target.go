package lanes

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/relay/internal/bounded"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// publishTogether bounds how many messages go into one call of the publisher. A call that isn't back in time halves it for
// its lane, so that a slow publisher gets through a batch, call by call; it grows again slowly, from batch to batch.
const publishTogether = 100

// PublisherTarget publishes to any Watermill publisher and keeps progress in a store: at least once. Of a batch that fails, or
// whose progress could not be stored, another process publishes the records before the failure again; this one goes on
// behind what the publisher has answered for. A publisher can't say that it won't ever take a record: one that it doesn't
// take stops the record's lane, nothing is parked.
type PublisherTarget struct {
	to    message.Publisher
	store relaying.Store
	limit time.Duration

	mu    sync.Mutex
	lanes map[int]*lanePublisher // a publish that hangs holds its lane up, whoever takes it here, and no other
}

// lanePublisher is a lane's way to the publisher.
type lanePublisher struct {
	*bounded.Publisher

	together atomic.Int64 // messages in the next call

	mu  sync.Mutex
	out map[uuid.UUID]bool // records that were published from a batch that could not be stored
}

func newLanePublisher(to message.Publisher, limit time.Duration) *lanePublisher {
	l := &lanePublisher{Publisher: bounded.New(to, limit), out: make(map[uuid.UUID]bool)}
	l.together.Store(publishTogether)
	return l
}

// Publish implements message.Publisher.
func (l *lanePublisher) Publish(topic string, messages ...*message.Message) error {
	err := l.Publisher.Publish(topic, messages...)
	if errors.Is(err, context.DeadlineExceeded) {
		l.together.Store(max(l.together.Load()/2, 1))
	}
	return err
}

// stored lets calls be larger after a batch that got through.
func (l *lanePublisher) stored() {
	n := l.together.Load()
	l.together.Store(min(n+n/8+1, publishTogether))
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.out)
}

// published notes records that are out, so that a batch which failed after them goes on there.
func (l *lanePublisher) published(records []eventlog.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range records {
		l.out[records[i].ID] = true
	}
}

// rest returns the records after those at the front that are out.
func (l *lanePublisher) rest(records []eventlog.Record) []eventlog.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(records) > 0 && l.out[records[0].ID] {
		records = records[1:]
	}
	return records
}

var _ relaying.Target = (*PublisherTarget)(nil)

// NewPublisherTarget returns a target that waits for each call of the publisher at most for limit; 0: 20 s. The publisher
// must be safe for concurrent use and return when the messages are durable. It stays the caller's to close.
func NewPublisherTarget(to message.Publisher, store relaying.Store, limit time.Duration) (*PublisherTarget, error) {
	if to == nil || store == nil || limit < 0 {
		return nil, fmt.Errorf("publisher as a relay's target: publisher is %v, store is %v, limit is %s: the first two are required", to, store, limit)
	}
	if limit == 0 {
		limit = 20 * time.Second
	}
	return &PublisherTarget{to: to, store: store, limit: limit, lanes: make(map[int]*lanePublisher)}, nil
}

// Take returns what the store knows. It fences nobody: of two who carry one lane the second to store a batch is told.
func (p *PublisherTarget) Take(ctx context.Context, log uuid.UUID, lane int) (relaying.Session, relaying.State, error) {
	state, err := p.store.Load(ctx, log, lane)
	if err != nil {
		return nil, relaying.State{}, fmt.Errorf("take lane %d: %w", lane, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lanes[lane] == nil {
		p.lanes[lane] = newLanePublisher(p.to, p.limit)
	}
	s := &publishing{to: p.lanes[lane], store: p.store}
	s.ctx, s.end = context.WithCancelCause(context.Background())
	return s, state, nil
}

var errPublishingEnded = errors.New("session is closed")

// publishing is one taking of a lane.
type publishing struct {
	to    *lanePublisher
	store relaying.Store
	ctx   context.Context // ends with the session; its cause says why
	end   context.CancelCauseFunc
}

var _ relaying.Session = (*publishing)(nil)

// Commit publishes the records in order up to the first that fails, then stores the progress if none did.
func (s *publishing) Commit(ctx context.Context, b relaying.Batch) error {
	if cause := context.Cause(s.ctx); cause != nil {
		return fmt.Errorf("commit batch %d: the session has ended, take the lane again: %w", b.Progress.Batches, cause)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	err := s.publish(ctx, b.Records)
	if err == nil {
		err = s.store.Save(ctx, b)
	}
	if err != nil {
		err = fmt.Errorf("commit batch %d of lane %d: %w", b.Progress.Batches, b.Progress.Lane.Number, err)
		s.end(err)
		return err
	}
	s.to.stored()
	return nil
}

// publish sends runs of records that go to one topic together.
func (s *publishing) publish(ctx context.Context, records []eventlog.Record) error {
	records = s.to.rest(records)
	for first := 0; first < len(records); {
		topic := records[first].Topic
		var messages []*message.Message
		for i := first; i < len(records) && records[i].Topic == topic && len(messages) < int(s.to.together.Load()); i++ {
			messages = append(messages, messageOf(ctx, &records[i]))
		}
		if err := s.to.Publish(topic, messages...); err != nil {
			if errors.Is(err, eventlog.ErrUnavailable) {
				return fmt.Errorf("publish to %s: %w", topic, err)
			}
			return fmt.Errorf("%w: publish to %s: %w", eventlog.ErrUnavailable, topic, err)
		}
		s.to.published(records[first : first+len(messages)])
		first += len(messages)
	}
	return nil
}

// messageOf is what the relay over Watermill's forwarder publishes too.
func messageOf(ctx context.Context, r *eventlog.Record) *message.Message {
	m := message.NewMessage(r.ID.String(), r.Payload)
	m.Metadata = relaying.MessageMetadata(r)
	m.SetContext(ctx)
	return m
}

// Close implements relaying.Session.
func (s *publishing) Close() { s.end(errPublishingEnded) }
