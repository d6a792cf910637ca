package memory

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// Relay publishes a [Log] to a [Broker], each record exactly once: the broker holds the cursor and takes it together with the
// records. Several relays of one log may run; whoever comes second reads the cursor again.
type Relay struct {
	log    *Log
	broker *Broker
	health health
}

var _ relaying.Relay = (*Relay)(nil)

const (
	relayPage      = 500 // records published at once
	firstBackoff   = 2 * time.Millisecond
	longestBackoff = 200 * time.Millisecond
)

// NewRelay returns a relay that isn't running yet.
func NewRelay(log *Log, broker *Broker) *Relay { return &Relay{log: log, broker: broker} }

// Run publishes until ctx ends and returns nil. A cursor that the log refuses shows in Health.
func (r *Relay) Run(ctx context.Context) error {
	var backoff time.Duration
	for {
		committed, mended := r.log.signal.Wait(), r.broker.changed.Wait()
		more, err := r.publish(ctx)
		if ctx.Err() != nil {
			return nil
		}
		r.health.set(err)
		var retry <-chan time.Time // never, unless something is wrong
		if err == nil {
			backoff, mended = 0, nil
		} else {
			backoff = min(max(2*backoff, firstBackoff), longestBackoff)
			retry = time.After(backoff/2 + rand.N(backoff)) //nolint:gosec // no secret
		}
		if more {
			continue
		}
		select {
		case <-committed:
		case <-mended:
		case <-retry:
		case <-ctx.Done():
			return nil
		}
	}
}

// publish carries one page over and says whether there may be more.
func (r *Relay) publish(ctx context.Context) (more bool, err error) {
	from, err := r.broker.cursor(ctx, r.log.id)
	if err != nil {
		return false, err
	}
	page, err := r.log.Read(ctx, from, relayPage)
	if err != nil || len(page.Records) == 0 {
		return false, err
	}
	messages := make([]Message, len(page.Records))
	for i := range page.Records {
		messages[i] = asMessage(&page.Records[i])
	}
	switch err = r.broker.advance(ctx, r.log.id, from, page.Next, messages); {
	case errors.Is(err, errMoved):
		return true, nil
	case err != nil:
		return false, err
	}
	return page.More, nil
}

func asMessage(rec *eventlog.Record) Message {
	if w, ok := relaying.WireOf(rec); ok {
		return Message{Topic: rec.Topic, Key: string(w.Key), Value: w.Value, Headers: w.Headers}
	}
	return Message{Topic: rec.Topic, Key: rec.AggregateID, Value: rec.Payload, Headers: relaying.Headers(rec)}
}

// Health returns nil, or what kept the relay from publishing when it last tried.
func (r *Relay) Health() error { return r.health.get() }
