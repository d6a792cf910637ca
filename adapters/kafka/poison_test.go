package kafka_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/relaying"
)

// readAll returns n records of a topic.
func (r *rig) readAll(topic string, n int) []*kgo.Record {
	r.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(r.cfg.Brokers...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.MetadataMinAge(10*time.Millisecond), kgo.DisableClientMetrics())
	if err != nil {
		r.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	var all []*kgo.Record
	for len(all) < n {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			r.Fatalf("%d of %d records on %s", len(all), n, topic)
		}
		all = append(all, fetches.Records()...)
	}
	return all
}

// letters returns the copies for the dead-letter topic, as a relay publishes them.
func (r *rig) letters() []relaying.Wire {
	r.Helper()
	page, err := r.db.Read(r.Context(), "", 1000)
	if err != nil {
		r.Fatal(err)
	}
	var all []relaying.Wire
	for i := range page.Records {
		if w, ok := relaying.WireOf(&page.Records[i]); ok && page.Records[i].Topic == topic+".DLT" {
			all = append(all, w)
		}
	}
	return all
}

// letter waits for the only copy.
func (r *rig) letter() relaying.Wire {
	r.Helper()
	applicationtest.Eventually(r, func() error {
		if n := len(r.letters()); n != 1 {
			return fmt.Errorf("%d copies, want 1", n)
		}
		return nil
	})
	return r.letters()[0]
}

func header(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return "(no header " + name + ")"
}

func wireHeader(w relaying.Wire, name string) string {
	for _, h := range w.Headers {
		if h.Name == name {
			return h.Value
		}
	}
	return "(no header " + name + ")"
}

func TestPoisonIsParkedAndTheOthersApplied(t *testing.T) {
	t.Parallel()
	bad := map[string]string{"refused": `{"poison":"no such thing"}`, "panics": `{"poison":"panic"}`, "undecodable": `{"poison":1`}
	for name, payload := range bad {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			before, after := records(6, 1, 20), records(6, 21, 30)
			poison := record("thing-of-woe", 1, "thing.happened", payload)
			r.produce(append(append(before, poison), after...)...)
			runner := r.runner(nil)
			r.start(r.source(nil), runner)
			r.wantApplied(6, 30)
			letter := r.letter()
			if string(letter.Key) != "thing-of-woe" || string(letter.Value) != payload {
				t.Errorf("dead letter has key %q and value %q", letter.Key, letter.Value)
			}
			if got := wireHeader(letter, "event-id"); got != header(poison, "event-id") {
				t.Errorf("dead letter has event-id %q, want the original's", got)
			}
			if got := wireHeader(letter, "error"); !strings.Contains(got, "projection things version 1") {
				t.Errorf("error header %q doesn't name the projection", got)
			}
			if got := runner.Stats(); got.Applied != 180 || got.Parked != 1 {
				t.Errorf("stats %+v, want 180 applied and 1 parked", got)
			}
		})
	}
}

func TestPoisonWithoutEventHeadersIsParked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.produce(&kgo.Record{Topic: topic, Key: []byte("k"), Value: []byte("hello"), Headers: []kgo.RecordHeader{{Key: "x", Value: []byte("y")}}})
	r.produce(records(6, 1, 5)...)
	r.start(r.source(nil), r.runner(nil))
	r.wantApplied(6, 5)
	letter := r.letter()
	if string(letter.Value) != "hello" || wireHeader(letter, "x") != "y" {
		t.Errorf("dead letter %q with headers %v isn't the original", letter.Value, letter.Headers)
	}
}

func TestUnknownTypesAreCountedAndPassed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for v := 1; v <= 10; v++ {
		r.produce(record("thing-0", v, "thing.happened", "{}"), record("other", v, "other.happened", "not even JSON"))
	}
	runner := r.runner(nil)
	stop := r.start(r.source(nil), runner)
	r.wantApplied(1, 10)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	r.produce(record("other", 11, "other.happened", ""), record("thing-0", 11, "thing.happened", "{}"))
	again := r.runner(nil)
	r.start(r.source(nil), again)
	r.wantApplied(1, 11)
	if got := runner.Stats().Passed + again.Stats().Passed; got < 10 || got > 11 {
		t.Errorf("%d events passed by, want 10 or 11: each once", got)
	}
}
