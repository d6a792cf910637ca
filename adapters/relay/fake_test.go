package relay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/relay"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
	"github.com/tenon-go/tenon/domain"
)

// source is a subscriber that delivers given records, one after the other, a nacked one again.
type source struct {
	records []eventlog.Record
	ends    int // subscriptions that end at once
	refuses int // subscriptions that are refused

	mu sync.Mutex
}

func (s *source) Subscribe(ctx context.Context, _ string) (<-chan *message.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(chan *message.Message)
	switch {
	case s.refuses > 0:
		s.refuses--
		return nil, errors.New("no")
	case s.ends > 0:
		s.ends--
		close(out)
		return out, nil
	}
	go func() {
		defer close(out)
		for _, r := range s.records {
			if !deliver(ctx, out, r) {
				return
			}
		}
		<-ctx.Done()
	}()
	return out, nil
}

func deliver(ctx context.Context, out chan<- *message.Message, r eventlog.Record) bool {
	for {
		m, err := relay.Wrap(r)
		if err != nil {
			panic(err)
		}
		m.SetContext(context.WithoutCancel(ctx))
		select {
		case out <- m:
		case <-ctx.Done():
			return false
		}
		select {
		case <-m.Acked():
			return true
		case <-m.Nacked():
		}
	}
}

func (*source) Close() error { return nil }

// target is a publisher that a test steers. Safe for concurrent use.
type target struct {
	mu      sync.Mutex
	publish func(topic string, m *message.Message) error // nil: succeeds
	got     []*message.Message
	topics  []string
}

func (p *target) Publish(topic string, messages ...*message.Message) error {
	p.mu.Lock()
	publish := p.publish
	p.mu.Unlock()
	if publish != nil {
		if err := publish(topic, messages[0]); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got, p.topics = append(p.got, messages...), append(p.topics, topic)
	return nil
}

func (*target) Close() error { return nil }

func (p *target) set(publish func(string, *message.Message) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.publish = publish
}

// positions returns what was published, in order.
func (p *target) positions() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for _, m := range p.got {
		all = append(all, m.Metadata[relaying.HeaderPosition])
	}
	return strings.Join(all, " ")
}

// notes keeps what Failures is told. Safe for concurrent use.
type notes struct {
	mu  sync.Mutex
	all []string
}

func (n *notes) Failed(_ context.Context, position int64, attempt int, err error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, fmt.Sprintf("%d: %d %v", position, attempt, err))
	return errors.New("this one can't even note")
}

func (n *notes) list() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.all...)
}

// logged collects what is logged. Safe for concurrent use.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSpace(l.buf.String()), "\n")
}

func record(position int64) eventlog.Record {
	return eventlog.Record{
		Position: position, ID: uuid.Must(uuid.NewV7()), Topic: "domain.thing.events", AggregateType: "thing",
		AggregateID: "a", Version: domain.Version(position), Type: "thing.happened", SchemaVersion: 2,
		Payload: []byte(`{"ü": 1.10}`), Metadata: map[string]string{"user": "adds"}, CorrelationID: "c", RecordedAt: time.Unix(1_700_000_000, 0).UTC(),
	}
}

func records(n int64) []eventlog.Record {
	var all []eventlog.Record
	for p := range n {
		all = append(all, record(p+1))
	}
	return all
}

// run runs the relay until the function it returns is called, which reports Run's error.
func run(t testing.TB, r relaying.Relay) (end func() error) {
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	end = sync.OnceValue(func() error {
		stop()
		return <-done
	})
	t.Cleanup(func() { _ = end() })
	return end
}
