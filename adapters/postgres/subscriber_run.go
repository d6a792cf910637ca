package postgres

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wsql "github.com/ThreeDotsLabs/watermill-sql/v3/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
)

// closeLimit bounds how long a stop waits for the database to store acks. What it doesn't store is delivered again.
const closeLimit = 5 * time.Second

// subscription is one Subscribe: a watermill-sql subscriber and what makes its end orderly. Watermill's own end cancels the
// page's transaction and with it the acks of the page.
type subscription struct {
	*Subscriber
	pace *pace
	page page
}

func newSubscription(s *Subscriber, done <-chan struct{}) *subscription {
	n := &subscription{Subscriber: s}
	n.pace = &pace{
		cfg: &s.cfg, outage: &s.outage, done: done,
		paged: func() {
			if n.page.finish() {
				s.db.signal.Raise()
			}
		},
		committed: s.cfg.Signal.Wait(),
	}
	return n
}

// run delivers until ctx ends.
func (s *subscription) run(ctx context.Context, out chan<- *message.Message) {
	if !s.prepare(ctx) {
		return
	}
	source, err := wsql.NewSubscriber(s.db.pool, s.sourceConfig(), s.quiet())
	if err != nil {
		s.outage.begin(err)
		return
	}
	working, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	in, err := source.Subscribe(working, "log")
	if err != nil {
		s.outage.begin(err)
		return
	}
	s.deliver(ctx, in, out)
	if s.page.end() == nil {
		abandon() // it waits for the log or for a rival: nothing is in hand
	}
	giveUp := time.AfterFunc(closeLimit, abandon)
	defer giveUp.Stop()
	_ = source.Close() // waits for the page's acks to be stored; it returns no error
}

// prepare makes sure that the group's cursor is there, and returns false when ctx ended first.
func (s *subscription) prepare(ctx context.Context) bool {
	for ctx.Err() == nil {
		err := s.db.openCursor(ctx, s.cfg.Group)
		if err == nil {
			s.outage.end()
			return true
		}
		s.pace.failed(err)
	}
	return false
}

// deliver hands on one message after the other, until ctx has ended and the one in hand was acked or nacked, or was
// given up at its deadline.
func (s *subscription) deliver(ctx context.Context, in <-chan *message.Message, out chan<- *message.Message) {
	for {
		select {
		case m := <-in:
			s.page.begin()
			deadline := m.Context().Done() // before the message has another owner
			m.SetContext(context.WithValue(m.Context(), pageKey{}, &s.page))
			select {
			case out <- m:
			case <-ctx.Done():
				return
			}
			select {
			case <-m.Acked():
			case <-m.Nacked():
			case <-deadline:
			}
		case <-ctx.Done():
			s.settle(in)
			return
		}
	}
}

// settle waits until watermill-sql has seen the last ack: it then offers the next message or has finished the page. When
// it is closed at the same moment as a message is acked, it may see only the one.
func (s *subscription) settle(in <-chan *message.Message) {
	end := s.page.end()
	if end == nil {
		return
	}
	timer := time.NewTimer(closeLimit)
	defer timer.Stop()
	select {
	case <-in:
	case <-end:
	case <-timer.C:
	}
}

func (s *subscription) sourceConfig() wsql.SubscriberConfig {
	return wsql.SubscriberConfig{
		ConsumerGroup:  s.cfg.Group,
		AckDeadline:    &s.cfg.AckDeadline,
		ResendInterval: time.Millisecond, // it can't be interrupted: whoever nacks waits before
		BackoffManager: s.pace,
		SchemaAdapter:  logSchema{batch: s.cfg.Batch, unmarshal: s.cfg.Unmarshal},
		OffsetsAdapter: logOffsets{history: s.cfg.History},
	}
}

// quiet is a log for watermill-sql, which writes a line for each attempt: outage says that once.
func (s *subscription) quiet() watermill.LoggerAdapter {
	return watermill.NewSlogLoggerWithLevelMapping(s.cfg.Logger, map[slog.Level]slog.Level{
		slog.LevelError: slog.LevelDebug,
		slog.LevelInfo:  slog.LevelDebug,
	})
}

// page knows whether a page of records is in hand, and whether its handler has appended others. Safe for concurrent use.
type page struct {
	mu       sync.Mutex
	ended    chan struct{}
	appended bool
}

// pageKey is under what a message's context has its page.
type pageKey struct{}

// appends notes that readers of the log are to be woken after the page.
func (p *page) appends() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.appended = true
}

func (p *page) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended == nil {
		p.ended = make(chan struct{})
	}
}

// finish ends the page and reports whether something was appended that is committed with it.
func (p *page) finish() (appended bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended != nil {
		close(p.ended)
		p.ended = nil
	}
	appended, p.appended = p.appended, false
	return appended
}

// end returns what is closed when the page in hand is finished, nil when none is in hand.
func (p *page) end() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended
}
