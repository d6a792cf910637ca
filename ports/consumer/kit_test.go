package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/consuming"
	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/relaying"
	"github.com/tenon-go/tenon/ports/consumer"
)

const topic = "domain.order.events"

// confirmed is an event as these tests' reader declares it.
type confirmed struct {
	Order string `json:"orderId"`
}

// feed is a subscriber with one partition: one message in flight, a nacked one again. It counts what it delivered.
type feed struct {
	queue     chan projection.Delivery
	mu        sync.Mutex
	acked     int
	delivered int
}

func newFeed() *feed { return &feed{queue: make(chan projection.Delivery, 100_000)} }

// event puts an event on the partition and returns its id.
func (f *feed) event(eventType, order string) uuid.UUID {
	return f.send(uuid.New(), eventType, fmt.Sprintf(`{"orderId":%q}`, order))
}

func (f *feed) send(id uuid.UUID, eventType, payload string) uuid.UUID {
	r := eventlog.Record{
		ID: id, Topic: topic, AggregateType: "order", AggregateID: "o", Version: 1, Type: eventType, SchemaVersion: 1,
		Payload: []byte(payload), CorrelationID: "flow", Traceparent: "00-trace",
	}
	f.queue <- consuming.LogDelivery(&r)
	return id
}

func (f *feed) Subscribe(ctx context.Context, _ string) (<-chan *message.Message, error) {
	out := make(chan *message.Message)
	go func() {
		defer close(out)
		for {
			select {
			case <-ctx.Done():
				return
			case d := <-f.queue:
				for !f.deliver(ctx, out, d) {
					if ctx.Err() != nil {
						return
					}
				}
			}
		}
	}()
	return out, nil
}

func (f *feed) deliver(ctx context.Context, out chan<- *message.Message, d projection.Delivery) bool {
	m := consuming.Message(d)
	m.SetContext(consuming.WithDelivery(ctx, d))
	f.mu.Lock()
	f.delivered++
	f.mu.Unlock()
	out <- m
	select {
	case <-m.Acked():
		f.mu.Lock()
		f.acked++
		f.mu.Unlock()
		return true
	case <-m.Nacked():
		return false
	}
}

func (*feed) Close() error { return nil }

func (f *feed) done() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.acked
}

// rig is a router with one handler over memory; effects are rows of a table, counted by key.
type rig struct {
	testing.TB
	feed   *feed
	log    *memory.Log
	rows   *memory.Table[int]
	router *consumer.Router
	stop   func() error
}

// letters returns the copies of what couldn't be handled, as they will be published.
func (r *rig) letters() []relaying.Wire {
	r.Helper()
	page, err := r.log.Read(context.Background(), "", 10_000)
	if err != nil {
		r.Fatal(err)
	}
	var all []relaying.Wire
	for i := range page.Records {
		if w, ok := relaying.WireOf(&page.Records[i]); ok && page.Records[i].Topic == topic+deadletter.TopicSuffix {
			all = append(all, w)
		}
	}
	return all
}

// says returns a header of a copy, of the last of that name.
func says(w relaying.Wire, name string) string {
	for _, h := range slices.Backward(w.Headers) {
		if h.Name == name {
			return h.Value
		}
	}
	return ""
}

func newRig(t testing.TB, cfg consumer.Config, handler func(r *rig) consumer.Handler) *rig {
	t.Helper()
	log := memory.NewLog()
	r := &rig{TB: t, feed: newFeed(), log: log, rows: memory.NewTable[int](log)}
	if cfg.MinBackoff == 0 {
		cfg.MinBackoff, cfg.MaxBackoff = time.Millisecond, 2*time.Millisecond
	}
	router, err := consumer.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.router = router
	source := consumer.Source{Subscriber: r.feed, Effects: memory.NewConsumerInbox(log)}
	if err := router.Add(handler(r), source); err != nil {
		t.Fatal(err)
	}
	return r
}

// start runs the router until the test ends or stop is called.
func (r *rig) start() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.router.Run(ctx) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	r.Cleanup(func() {
		if err := r.stop(); err != nil {
			r.Errorf("run: %v", err)
		}
	})
}

// note is an effect: one more in the row of that key.
func (r *rig) note(ctx context.Context, tx eventlog.Tx, key string) error {
	n, _, err := r.rows.Get(ctx, tx, key)
	if err != nil {
		return err
	}
	return r.rows.Put(ctx, tx, key, n+1)
}

// effects returns the committed rows.
func (r *rig) effects() map[string]int {
	r.Helper()
	rows, err := r.rows.Rows(context.Background())
	if err != nil {
		r.Fatal(err)
	}
	return maps.Collect(rows)
}

func (r *rig) waitFor(what string, condition func() bool) {
	r.Helper()
	applicationtest.Eventually(r, func() error {
		if !condition() {
			return errors.New("not yet: " + what)
		}
		return nil
	})
}
