package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tenon-go/tenon/application/eventlog"
)

// RelayGroup is the group whose progress the view tenon.outbox shows.
const RelayGroup = "relay"

// SubscriberConfig says who reads the log and how. Group and Unmarshal are required.
type SubscriberConfig struct {
	// Group names the readers that share one place in the log, 1 to 100 characters. One of them is at work at a time, the
	// others stand by.
	Group string
	// Unmarshal makes a record into the message that is delivered. An error stops the group at that record.
	Unmarshal func(eventlog.Record) (*message.Message, error)
	// Signal wakes an idle reader. Default: the DB's own.
	Signal *eventlog.Signal
	// Batch is how many records share a transaction and may be delivered again after a crash, 1 to 10,000. Default 100.
	Batch int
	// PollInterval is the longest pause between two looks at the log, for what other processes commit. It begins at 100 ms
	// after a record and doubles. Default 1 s.
	PollInterval time.Duration
	// RetryMax bounds the pause between two attempts at a database that fails. Default 5 s.
	RetryMax time.Duration
	// AckDeadline is how long a message may take, nacks included, before its transaction is ended; the record is delivered
	// again. It bounds how long a transaction stays open behind one message. Default 30 s.
	AckDeadline time.Duration
	// History is how many confirmed batches the outbox view can tell the time of. Default 100,000.
	History int
	// Logger receives one line when reading stops to work and one when it works again. Default: none.
	Logger *slog.Logger
}

func (c *SubscriberConfig) setDefaults(db *DB) {
	if c.Signal == nil {
		c.Signal = db.Signal()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Batch == 0 {
		c.Batch = 100
	}
	if c.PollInterval == 0 {
		c.PollInterval = time.Second
	}
	if c.RetryMax == 0 {
		c.RetryMax = 5 * time.Second
	}
	if c.AckDeadline == 0 {
		c.AckDeadline = 30 * time.Second
	}
	if c.History == 0 {
		c.History = 100_000
	}
}

func (c *SubscriberConfig) check() error {
	var errs []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	refuse(c.Group == "" || len([]rune(c.Group)) > 100, "Group %q: want 1 to 100 characters", c.Group)
	refuse(c.Unmarshal == nil, "Unmarshal is nil: want a function that makes a record into a message")
	refuse(c.Batch < 1 || c.Batch > 10_000, "Batch is %d: want 1 to 10,000", c.Batch)
	refuse(c.History < 1, "History is %d: want 1 or more", c.History)
	refuse(c.PollInterval < 0, "PollInterval is %s: want more than 0", c.PollInterval)
	refuse(c.RetryMax < 0, "RetryMax is %s: want more than 0", c.RetryMax)
	refuse(c.AckDeadline < 0, "AckDeadline is %s: want more than 0", c.AckDeadline)
	return errors.Join(errs...)
}

// Subscriber is watermill-sql's subscriber over the log: a message.Subscriber that delivers every committed record at least
// once, an aggregate's in the order of their versions, and lets no open transaction delay other records. Safe for
// concurrent use.
//
// A page of records is delivered inside one transaction, which stays open until the last of them is acked and in which
// the group's place moves on: a handler can write with it, see TxFromContext of watermill-sql. A nacked message is
// delivered again at once, before any other.
type Subscriber struct {
	db  *DB
	cfg SubscriberConfig

	closing context.Context //nolint:containedctx // ends with Close, for all subscriptions
	close   context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	closed bool
	outage outage
}

var _ message.Subscriber = (*Subscriber)(nil)

// ErrSubscriberClosed says that Subscribe came after Close.
var ErrSubscriberClosed = errors.New("subscriber is closed")

// NewSubscriber returns a subscriber that reads nothing before Subscribe. The error names the fields of cfg that are wrong.
func NewSubscriber(db *DB, cfg SubscriberConfig) (*Subscriber, error) {
	cfg.setDefaults(db)
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("subscribe to the log: %w", err)
	}
	closing, cancel := context.WithCancel(context.Background())
	s := &Subscriber{db: db, cfg: cfg, closing: closing, close: cancel}
	s.outage = outage{log: cfg.Logger.With("group", cfg.Group), begun: "can't read the log, goes on trying", over: "reads the log again"}
	return s, nil
}

// Subscribe returns a channel of the group's records from where the group is, from the beginning for a new one. It never fails
// because the database does: the channel then waits. The topic is ignored: the whole log is read. When ctx ends or the
// subscriber is closed, the message in hand may still be acked within AckDeadline, then its page is confirmed as far
// as it was acked and the channel closed.
func (s *Subscriber) Subscribe(ctx context.Context, _ string) (<-chan *message.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrSubscriberClosed
	}
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.closing, cancel)
	out := make(chan *message.Message)
	s.running.Go(func() {
		defer cancel()
		defer stop()
		defer close(out)
		newSubscription(s, ctx.Done()).run(ctx, out)
	})
	return out, nil
}

// Close ends all subscriptions as the end of their contexts would, and waits for them. A second call only waits.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.close()
	s.running.Wait()
	return nil
}

// Health returns nil while the log can be read, else what is wrong and since when.
func (s *Subscriber) Health() error {
	if err := s.outage.health(); err != nil {
		return fmt.Errorf("group %s can't read the log: %w", s.cfg.Group, err)
	}
	return nil
}
