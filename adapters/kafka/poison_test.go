package kafka_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/application/projection"
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

func header(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return "(no header " + name + ")"
}

func TestPoisonIsDeadLetteredAndTheOthersApplied(t *testing.T) {
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
			letter := r.readAll(topic+".DLT", 1)[0]
			if string(letter.Key) != "thing-of-woe" || string(letter.Value) != payload {
				t.Errorf("dead letter has key %q and value %q", letter.Key, letter.Value)
			}
			if got := header(letter, "event-id"); got != header(poison, "event-id") {
				t.Errorf("dead letter has event-id %q, want the original's", got)
			}
			if got := header(letter, "error"); !strings.Contains(got, "projection things version 1") {
				t.Errorf("error header %q doesn't name the projection", got)
			}
			if got := runner.Stats(); got.Applied != 180 || got.DeadLettered != 1 {
				t.Errorf("stats %+v, want 180 applied and 1 dead-lettered", got)
			}
		})
	}
}

func TestPoisonWithoutEventHeadersIsDeadLettered(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.produce(&kgo.Record{Topic: topic, Key: []byte("k"), Value: []byte("hello"), Headers: []kgo.RecordHeader{{Key: "x", Value: []byte("y")}}})
	r.produce(records(6, 1, 5)...)
	r.start(r.source(nil), r.runner(nil))
	r.wantApplied(6, 5)
	letter := r.readAll(topic+".DLT", 1)[0]
	if string(letter.Value) != "hello" || header(letter, "x") != "y" {
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

func TestDeadLetterHeaders(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.cfg.Now = func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 8, time.FixedZone("", 3600)) }
	letters, err := kafka.NewDeadLetters(r.cfg, kafka.DeadLettersConfig{Group: group})
	if err != nil {
		t.Fatal(err)
	}
	defer letters.Close()
	d := projection.Delivery{
		Partition: projection.Partition{Topic: topic, Number: 2}, Offset: 41, Key: []byte("k"), Value: []byte(`{}`),
	}
	for _, h := range record("k", 7, "thing.happened", "{}").Headers[1:] {
		d.Headers = append(d.Headers, relaying.Header{Name: h.Key, Value: string(h.Value)})
	}
	cause := fmt.Errorf("apply: %w", &projection.PanicError{Value: "boom", Stack: []byte("goroutine 1")})
	if err := letters.Publish(t.Context(), d, cause); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, h := range r.readAll(topic+".DLT", 1)[0].Headers {
		fmt.Fprintf(&got, "%s: %q\n", h.Key, h.Value)
	}
	golden(t, "deadletter_headers.txt", got.String())
}

func TestDeadLettersAreTakenUntilClosed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	letters, err := kafka.NewDeadLetters(r.cfg, kafka.DeadLettersConfig{})
	if err != nil {
		t.Fatal(err)
	}
	big := projection.Delivery{Partition: projection.Partition{Topic: topic}, Value: []byte(strings.Repeat("x", 1<<20))}
	if err := letters.Publish(t.Context(), big, context.DeadlineExceeded); err != nil {
		t.Errorf("publish a large one: %v", err)
	}
	letters.Close()
	letters.Close()
	if err := letters.Publish(t.Context(), big, context.DeadlineExceeded); err == nil {
		t.Error("publish after Close succeeded")
	}
}
