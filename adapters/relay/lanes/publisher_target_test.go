package lanes_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay/lanes"
	"github.com/tenon-go/tenon/adapters/relay/relaytest"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/relaying"
)

// closing is a relay that closes its publisher at the end, whose goroutines began within Run.
type closing struct {
	relaying.Relay
	to message.Publisher
}

// Run implements relaying.Relay.
func (c closing) Run(ctx context.Context) error { return errors.Join(c.Relay.Run(ctx), c.to.Close()) }

func TestPublisherTargetConforms(t *testing.T) {
	t.Parallel()
	applicationtest.Relay(t, func(t testing.TB) applicationtest.RelayFixture {
		f, db, broker := fixtureParts(t, 2)
		f.ExactlyOnce = false
		f.NewRelay = func() relaying.Relay {
			to := must(kafka.NewPublisher(kafka.Config{Brokers: []string{broker}, Linger: -1}))(t)
			target := must(lanes.NewPublisherTarget(to, postgres.NewRelayStore(db), 2*time.Second))(t)
			return closing{must(newNode(db, broker, options{lanes: 2, target: target}))(t), to}
		}
		return f
	})
}

// hanging is a publisher whose first publish doesn't return until it is let go, and which counts how many run at once.
type hanging struct {
	message.Publisher
	calls, running, most atomic.Int32
	letGo                chan struct{}
}

// Publish implements message.Publisher.
func (h *hanging) Publish(topic string, messages ...*message.Message) error {
	h.most.Store(max(h.most.Load(), h.running.Add(1)))
	defer h.running.Add(-1)
	if h.calls.Add(1) == 1 {
		<-h.letGo
	}
	return h.Publisher.Publish(topic, messages...)
}

func TestPublisherThatHangsIsNotOvertaken(t *testing.T) {
	t.Parallel()
	db, broker := open(t, database(t)), embeddedtest.Broker(t)
	to := must(kafka.NewPublisher(kafka.Config{Brokers: []string{broker}, Linger: -1}))(t)
	h := &hanging{Publisher: to, letGo: make(chan struct{})}
	target := must(lanes.NewPublisherTarget(h, postgres.NewRelayStore(db), 50*time.Millisecond))(t)
	n := must(newNode(db, broker, options{target: target}))(t)
	appendEach(t, db, events("a", 1, 3)...)
	end := run(t, n)
	waitFor(t, "the lane to be taken again", func() bool { return n.Health() != nil && n.Stats().Retaken > 1 })
	close(h.letGo)
	waitPublished(t, broker, "a", 3)
	waitFor(t, "good health", func() bool { return n.Health() == nil })
	if err := errors.Join(end(), to.Close()); err != nil {
		t.Error(err)
	}
	if most := h.most.Load(); most != 1 {
		t.Errorf("%d publishes ran at once", most)
	}
	last := ""
	for _, r := range must(relaytest.Published(t.Context(), broker, relaytest.Topic))(t) {
		last = relaytest.Header(r, relaying.HeaderEventID)
	}
	if want := newest(t, db); last != want {
		t.Errorf("the last record is %s, want %s", last, want)
	}
}

// newest returns the id of the log's last event.
func newest(t testing.TB, db *postgres.DB) (id string) {
	t.Helper()
	if err := db.Pool().QueryRowContext(t.Context(), `SELECT event_id FROM tenon.events ORDER BY position DESC LIMIT 1`).Scan(&id); err != nil {
		t.Fatal(err)
	}
	return id
}

// slow is a publisher that takes its time for each message.
type slow struct{ message.Publisher }

// Publish implements message.Publisher.
func (s slow) Publish(topic string, messages ...*message.Message) error {
	time.Sleep(time.Duration(len(messages)) * 20 * time.Millisecond)
	return s.Publisher.Publish(topic, messages...)
}

func TestPublisherThatIsSlowGetsThrough(t *testing.T) {
	t.Parallel()
	db, broker := open(t, database(t)), embeddedtest.Broker(t)
	to := must(kafka.NewPublisher(kafka.Config{Brokers: []string{broker}, Linger: -1}))(t)
	target := must(lanes.NewPublisherTarget(slow{to}, postgres.NewRelayStore(db), time.Second))(t) // a batch of all takes three
	n := must(newNode(db, broker, options{target: target}))(t)
	appendEach(t, db, events("a", 1, 150)...)
	end := run(t, n)
	last := newest(t, db)
	waitFor(t, "the last record", func() bool {
		return slices.ContainsFunc(must(relaytest.Published(t.Context(), broker, relaytest.Topic))(t), func(r *kgo.Record) bool {
			return relaytest.Header(r, relaying.HeaderEventID) == last
		})
	})
	if err := errors.Join(end(), to.Close()); err != nil {
		t.Error(err)
	}
}
