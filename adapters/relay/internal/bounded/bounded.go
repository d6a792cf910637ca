// Package bounded keeps a publisher that hangs from holding up whoever publishes.
package bounded

import (
	"context"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tenon-go/tenon/application/eventlog"
)

// Publisher is a publisher of which at most one publish is under way, and which stops waiting for it after a limit. What
// it no longer waits for goes on, because message.Publisher has no way to end it; the next publish begins after its
// end, or a late success could come between newer records.
type Publisher struct {
	to    message.Publisher
	limit time.Duration
	busy  chan struct{} // holds one token while a publish is under way
}

var _ message.Publisher = (*Publisher)(nil)

// New returns a publisher over to, each publish of which is waited for so long at most.
func New(to message.Publisher, limit time.Duration) *Publisher {
	return &Publisher{to: to, limit: limit, busy: make(chan struct{}, 1)}
}

// Publish implements message.Publisher. It takes part in the first message's context: a publish that nobody waits for
// any more doesn't begin.
func (b *Publisher) Publish(topic string, messages ...*message.Message) error {
	ctx, cancel := context.WithTimeout(messages[0].Context(), b.limit)
	defer cancel()
	select {
	case b.busy <- struct{}{}:
	case <-ctx.Done():
		return b.late(ctx, "the publish before it has no answer yet")
	}
	if ctx.Err() != nil {
		<-b.busy
		return b.late(ctx, "not begun")
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-b.busy }()
		done <- b.guarded(topic, messages)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return b.late(ctx, "no answer yet")
	}
}

// guarded turns a panic into an error: here it would end the process.
func (b *Publisher) guarded(topic string, messages []*message.Message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("publisher panicked: %v", p)
		}
	}()
	return b.to.Publish(topic, messages...)
}

func (b *Publisher) late(ctx context.Context, what string) error {
	return fmt.Errorf("%w: %s (limit %s): %w", eventlog.ErrUnavailable, what, b.limit, ctx.Err())
}

// Settle waits until no publish is under way, at most for the given time.
func (b *Publisher) Settle(limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case b.busy <- struct{}{}:
		<-b.busy
	case <-timer.C:
	}
}

// Close implements message.Publisher; the publisher below belongs to somebody else.
func (*Publisher) Close() error { return nil }
