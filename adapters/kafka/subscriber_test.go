package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/consuming"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
	"github.com/tenon-go/tenon/ports/consumer"
)

func (r *rig) subscriber(name string) *kafka.Subscriber {
	r.Helper()
	s, err := kafka.NewSubscriber(r.cfg, kafka.SourceConfig{Group: name, CommitEvery: 10 * time.Millisecond, MaxWait: 20 * time.Millisecond})
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { _ = s.Close() })
	return s
}

// take receives n messages and acks all but those that refuse says.
func (r *rig) take(messages <-chan *message.Message, n int, refuse func(*message.Message) bool) []*message.Message {
	r.Helper()
	var all []*message.Message
	late := time.After(30 * time.Second)
	for len(all) < n {
		select {
		case m, ok := <-messages:
			if !ok {
				r.Fatalf("the channel was closed after %d of %d messages", len(all), n)
			}
			all = append(all, m)
			if refuse != nil && refuse(m) {
				m.Nack()
				continue
			}
			m.Ack()
		case <-late:
			r.Fatalf("only %d of %d messages came", len(all), n)
		}
	}
	return all
}

func TestSubscriberGoesOnBehindTheAcks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.produce(records(1, 1, 6)...)
	first := r.subscriber("mail")
	messages, err := first.Subscribe(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	got := r.take(messages, 4, func(m *message.Message) bool {
		refused++
		return refused == 2
	})
	if got[1].UUID != got[2].UUID || got[0].UUID == got[1].UUID {
		t.Errorf("messages %v: want the second one again after its nack, before any other", ids(got))
	}
	if v := got[3].Metadata.Get("version"); v != "3" || got[3].Metadata.Get(consuming.MetadataKey) != "thing-0" {
		t.Errorf("after the nacked one came version %q with metadata %v, want 3 and its key", v, got[3].Metadata)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if _, open := <-messages; open {
		t.Error("the channel is open after Close")
	}
	if messages, err = r.subscriber("mail").Subscribe(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
	if next := r.take(messages, 1, nil); next[0].Metadata.Get("version") != "4" {
		t.Errorf("another subscriber of the group began at version %s, want 4", next[0].Metadata.Get("version"))
	}
}

func ids(all []*message.Message) []string {
	var uuids []string
	for _, m := range all {
		uuids = append(uuids, m.UUID)
	}
	return uuids
}

// runHandler runs a router with a handler that notes each thing's version; poison fails, anything undecodable too.
func (r *rig) runHandler(ctx context.Context, name string) (wait func() error, router *consumer.Router) {
	r.Helper()
	router, err := consumer.New(consumer.Config{Retries: 1, MinBackoff: time.Millisecond, MaxBackoff: time.Millisecond})
	if err != nil {
		r.Fatal(err)
	}
	h := consumer.Handler{Name: name, Topic: topic}
	consumer.On(&h, "thing.happened", func(ctx context.Context, _ eventlog.Tx, e happened) error {
		tx, ok := postgres.ConsumerTx(ctx)
		if !ok {
			return errors.New("no transaction in the context")
		}
		rec := consumer.Received(ctx)
		_, err := tx.ExecContext(ctx, `INSERT INTO effects (projection, aggregate, version) VALUES ($1, $2, $3)`,
			name, rec.AggregateID, int64(rec.Version))
		if e.Poison != "" {
			err = errors.New(e.Poison)
		}
		return err
	})
	source := consumer.Source{Subscriber: r.subscriber(name), Effects: postgres.NewConsumerInbox(r.db)}
	if err := router.Add(h, source); err != nil {
		r.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- router.Run(ctx) }()
	return sync.OnceValue(func() error { return <-ended }), router
}

// TestHandlersOverKafka: members come and go, messages repeat and fail; each effect is there once, and nothing is blocked.
func TestHandlersOverKafka(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	all := records(5, 1, 20)
	all = slices.Insert(all, 30, record("thing-1", 99, "thing.happened", `{"poison":"no stamps"}`),
		&kgo.Record{Topic: topic, Key: []byte("thing-2"), Value: []byte("\x00\xff")})
	all = append(all, all[7], all[8], all[50]) // again, under other offsets
	r.produce(all...)
	stops := make([]func(), 0, 2)
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		wait, _ := r.runHandler(ctx, "mail")
		stop := func() {
			cancel()
			if err := wait(); err != nil {
				t.Errorf("run: %v", err)
			}
		}
		t.Cleanup(stop)
		stops = append(stops, stop)
	}
	r.produce(records(5, 21, 30)...)
	applicationtest.Eventually(t, func() error { return r.effectsBegun("mail", 40) })
	stops[0]()
	r.produce(records(5, 31, 40)...)
	applicationtest.Eventually(t, func() error { return r.effectsBegun("mail", 200) })
	var doubled int
	err := r.db.Pool().GetContext(t.Context(), &doubled, `SELECT count(*) FROM (SELECT FROM effects GROUP BY aggregate, version HAVING count(*) > 1) d`)
	if err != nil || doubled != 0 {
		t.Errorf("%d effects are there twice (%v)", doubled, err)
	}
	var texts []string
	page, err := r.db.Read(t.Context(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	for i := range page.Records {
		if w, ok := relaying.WireOf(&page.Records[i]); ok && page.Records[i].Topic == topic+".DLT" {
			texts = append(texts, string(w.Value))
		}
	}
	slices.Sort(texts)
	if want := []string{"\x00\xff", `{"poison":"no stamps"}`}; !slices.Equal(texts, want) {
		t.Errorf("dead letters %q, want each of those that fail once: %q", texts, want)
	}
}

func (r *rig) effectsBegun(name string, want int) error {
	var n int
	err := r.db.Pool().GetContext(r.Context(), &n, `SELECT count(*) FROM effects WHERE projection = $1 AND version < 99`, name)
	if err == nil && n < want {
		err = fmt.Errorf("%d effects, want %d", n, want)
	}
	return err
}
