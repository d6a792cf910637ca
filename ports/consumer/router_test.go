package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/consuming"
	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/relaying"
	"github.com/tenon-go/tenon/ports/consumer"
)

// noting returns a handler that notes each confirmed order, after fail has had its say.
func noting(fail func(ctx context.Context, order string) error) func(*rig) consumer.Handler {
	return func(r *rig) consumer.Handler {
		h := consumer.Handler{Name: "notes", Topic: topic}
		consumer.On(&h, "order.confirmed", func(ctx context.Context, tx eventlog.Tx, e confirmed) error {
			err := r.note(ctx, tx, e.Order)
			if err == nil && fail != nil {
				err = fail(ctx, e.Order)
			}
			return err
		})
		return h
	}
}

func TestEachMessageTakesEffectOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, consumer.Config{}, noting(nil))
	first := r.feed.event("order.confirmed", "a")
	r.feed.event("order.placed", "passed by")
	r.feed.send(first, "order.confirmed", `{"orderId":"a"}`)
	r.feed.event("order.confirmed", "b")
	r.start()
	r.waitFor("four messages", func() bool { return r.feed.done() == 4 })
	if got := r.effects(); len(got) != 2 || got["a"] != 1 || got["b"] != 1 {
		t.Errorf("effects %v, want a and b once each", got)
	}
	if s := r.router.Stats("notes"); s.Handled != 2 || s.Repeated != 1 || s.Passed != 1 || s.InHand != 0 {
		t.Errorf("stats %+v, want 2 handled, 1 repeated, 1 passed by, none in hand", s)
	}
}

// TestFailuresBlockNothing: what fails for good leaves no effect and a copy, and what comes behind it takes effect.
func TestFailuresBlockNothing(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fail  func(ctx context.Context, order string) error
		cause func(relaying.Wire) bool
	}{
		"error": {
			func(context.Context, string) error { return errors.New("no stamps") },
			func(w relaying.Wire) bool { return strings.Contains(says(w, deadletter.HeaderError), "no stamps") },
		},
		"panic": {
			func(context.Context, string) error { panic("no stamps") },
			func(w relaying.Wire) bool { return says(w, deadletter.HeaderSpringStack) != "" },
		},
		"slow": {
			func(ctx context.Context, _ string) error {
				<-ctx.Done() // what a driver says of the statement that this cuts off
				return fmt.Errorf("%w: statement was cancelled", eventlog.ErrUnavailable)
			},
			func(w relaying.Wire) bool {
				return strings.Contains(says(w, deadletter.HeaderError), context.DeadlineExceeded.Error())
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var attempts atomic.Int32
			r := newRig(t, consumer.Config{Retries: 2, Timeout: 50 * time.Millisecond}, noting(func(ctx context.Context, order string) error {
				if order != "bad" {
					return nil
				}
				attempts.Add(1)
				return tt.fail(ctx, order)
			}))
			bad := r.feed.event("order.confirmed", "bad")
			r.feed.event("order.confirmed", "good")
			r.start()
			r.waitFor("both messages", func() bool { return r.feed.done() == 2 })
			if got := r.effects(); len(got) != 1 || got["good"] != 1 {
				t.Errorf("effects %v, want good's alone", got)
			}
			kept := r.letters()
			if len(kept) != 1 || says(kept[0], relaying.HeaderEventID) != bad.String() || !tt.cause(kept[0]) {
				t.Errorf("dead letters %v, want the bad one with its cause", kept)
			}
			if attempts.Load() != 3 {
				t.Errorf("%d attempts, want 1 and 2 retries", attempts.Load())
			}
		})
	}
}

func TestUndecodableMessagesAreDeadLetteredAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, consumer.Config{}, noting(nil))
	r.feed.send(uuid.New(), "order.confirmed", `{"orderId":7}`)
	r.feed.queue <- projection.Delivery{
		Partition: projection.Partition{Topic: topic, Number: 3}, Offset: 9, Value: []byte("\x00\xff"), Err: relaying.ErrHeaders,
	}
	r.feed.event("order.confirmed", "good")
	r.start()
	r.waitFor("three messages", func() bool { return r.feed.done() == 3 })
	kept := r.letters()
	if len(kept) != 2 || string(kept[1].Value) != "\x00\xff" || says(kept[1], deadletter.HeaderSpringOffset) != "\x00\x00\x00\x00\x00\x00\x00\x09" ||
		says(kept[1], deadletter.HeaderSpringPartition) != "\x00\x00\x00\x03" {
		t.Errorf("dead letters %v, want two, the second as it came", kept)
	}
	if s := r.router.Stats("notes"); s.Retries != 0 || s.DeadLettered != 2 || r.effects()["good"] != 1 {
		t.Errorf("stats %+v and effects %v, want no retries, two dead letters and the good one's effect", s, r.effects())
	}
}

// TestOutagesBlameNoMessage: while the store is away, a message waits, for longer than its retries.
func TestOutagesBlameNoMessage(t *testing.T) {
	t.Parallel()
	r := newRig(t, consumer.Config{Retries: 1}, noting(func(_ context.Context, order string) error {
		if order == "bad" {
			return errors.New("no stamps")
		}
		return nil
	}))
	mend := r.log.Break()
	r.feed.event("order.confirmed", "good")
	r.start()
	r.waitFor("health says that it waits", func() bool { return errors.Is(r.router.Health(), eventlog.ErrUnavailable) })
	mend()
	r.waitFor("the message", func() bool { return r.feed.done() == 1 })
	if err := r.router.Health(); err != nil {
		t.Errorf("health after the outage: %v", err)
	}
	r.feed.event("order.confirmed", "bad")
	r.waitFor("the dead letter", func() bool { return r.feed.done() == 2 })
	if kept := r.letters(); len(kept) != 1 || r.effects()["good"] != 1 {
		t.Errorf("%d dead letters, effects %v: want the bad one's letter and the good one's effect", len(kept), r.effects())
	}
}

func TestHandlersSeeTransactionAndTrace(t *testing.T) {
	t.Parallel()
	seen := make(chan application.Metadata, 1)
	r := newRig(t, consumer.Config{}, func(r *rig) consumer.Handler {
		return consumer.Handler{Name: "plain", Topic: topic, Handle: func(m *message.Message) error {
			seen <- application.MetadataFrom(m.Context())
			return r.note(m.Context(), consuming.TxFrom(m.Context()), string(m.Payload))
		}}
	})
	id := r.feed.send(uuid.New(), "anything", `"x"`)
	r.start()
	r.waitFor("the message", func() bool { return r.feed.done() == 1 })
	if md := <-seen; md.CausationID != id.String() || md.CorrelationID != "flow" || md.Traceparent != "00-trace" {
		t.Errorf("metadata %+v, want cause %s, flow and trace", md, id)
	}
	if got := r.effects(); got[`"x"`] != 1 {
		t.Errorf("effects %v, want one", got)
	}
}

func TestAddRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t, consumer.Config{}, noting(nil))
	source := consumer.Source{Subscriber: r.feed}
	err := r.router.Add(consumer.Handler{Name: "notes"}, source)
	for _, words := range []string{`handler "notes"`, "Handle or event types", "Effects", "another handler"} {
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("error %v, want it to say %q", err, words)
		}
	}
	if _, err := consumer.New(consumer.Config{Timeout: -1}); err == nil || !strings.Contains(err.Error(), "Timeout") {
		t.Errorf("a negative Timeout gave %v", err)
	}
}
