package kafka_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// newPublisher returns a publisher that doesn't wait for more, unless cfg says so.
func newPublisher(t testing.TB, cfg kafka.Config) *kafka.Publisher {
	t.Helper()
	if cfg.Linger == 0 {
		cfg.Linger = -1
	}
	p, err := kafka.NewPublisher(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// eventMessage is a message as the relay makes it: the record's headers are the metadata.
func eventMessage(aggregate string, version int) *message.Message {
	rec := eventlog.Record{
		ID: uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057"), Type: "thing.happened", SchemaVersion: 2, AggregateType: "thing",
		AggregateID: aggregate, Version: 7, Position: int64(version), CorrelationID: "corr", CausationID: "cause",
		Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	}
	m := message.NewMessage("watermill-id", []byte(`{"a": 1}`))
	for _, h := range relaying.Headers(&rec) {
		m.Metadata.Set(h.Name, h.Value)
	}
	return m
}

func TestPublisherRecord(t *testing.T) {
	t.Parallel()
	for _, linger := range []time.Duration{0, -1} {
		t.Run(fmt.Sprintf("linger %v", linger), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			m := eventMessage("thing-1", 41)
			m.Metadata.Set("zone", "z")
			m.Metadata.Set("area", "a")
			if err := newPublisher(t, kafka.Config{Brokers: r.cfg.Brokers, Linger: linger}).Publish(topic, m); err != nil {
				t.Fatal(err)
			}
			got := r.readAll(topic, 1)[0]
			var text strings.Builder
			fmt.Fprintf(&text, "key: %q\nvalue: %q\n", got.Key, got.Value)
			for _, h := range got.Headers {
				fmt.Fprintf(&text, "%s: %q\n", h.Key, h.Value)
			}
			golden(t, "publisher_record.txt", text.String())
		})
	}
}

func TestPublisherKeepsTheOrderOfEachKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPublisher(t, r.cfg)
	var all sync.WaitGroup
	for a := range 8 {
		all.Go(func() {
			for v := range 50 {
				if err := p.Publish(topic, eventMessage(fmt.Sprint(a), v)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	next := make(map[string]int)
	for _, rec := range r.readAll(topic, 400) {
		if got, want := header(rec, relaying.HeaderPosition), fmt.Sprint(next[string(rec.Key)]); got != want {
			t.Fatalf("key %s: record %s where %s was due", rec.Key, got, want)
		}
		next[string(rec.Key)]++
	}
}

func TestPublisherWithoutABroker(t *testing.T) {
	t.Parallel()
	broker := embeddedtest.BrokerProcess(t, t.TempDir())
	r := newRigOn(t, broker.Addr(), databaseURL(t))
	r.createTopic()
	if err := broker.Kill(); err != nil {
		t.Fatal(err)
	}
	p := newPublisher(t, r.cfg)
	check := func(state string) {
		t.Helper()
		if err := p.Publish(topic, eventMessage("a", 1)); !errors.Is(err, eventlog.ErrUnavailable) {
			t.Errorf("publish with the broker down %s: %v, want ErrUnavailable", state, err)
		}
	}
	revive := func() {
		t.Helper()
		if err := broker.Start(); err != nil {
			t.Fatal(err)
		}
		applicationtest.Eventually(t, func() error { return p.Publish(topic, eventMessage("a", 1)) })
	}
	check("from the start")
	revive()
	if err := broker.Kill(); err != nil {
		t.Fatal(err)
	}
	check("later")
	revive()
}

func TestPublisherTellsWhatNoRetryMends(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	reserved := eventMessage("a", 1)
	reserved.Metadata.Set("_watermill_message_uuid", "x")
	large := eventMessage("a", 1)
	large.Payload = make([]byte, 2<<20)
	for name, tt := range map[string]struct {
		topic   string
		message *message.Message
	}{
		"reserved metadata": {topic, reserved}, "too large": {topic, large}, "topic name": {"no/topic", eventMessage("a", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := newPublisher(t, r.cfg).Publish(tt.topic, tt.message)
			if err == nil || errors.Is(err, eventlog.ErrUnavailable) {
				t.Errorf("publish: %v, want an error that isn't ErrUnavailable", err)
			}
		})
	}
}

func TestPublisherClose(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := newPublisher(t, r.cfg)
	if err := p.Publish(topic, eventMessage("a", 1)); err != nil {
		t.Fatal(err)
	}
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if err := p.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
	both.Wait()
	if err := p.Publish(topic, eventMessage("a", 1)); err == nil {
		t.Error("publish after Close succeeded")
	}
}
