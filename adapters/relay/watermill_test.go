package relay_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/adapters/relay"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

func TestRecordReachesThePublisherWithoutEnvelope(t *testing.T) {
	t.Parallel()
	r := record(7)
	to := new(target)
	run(t, relay.NewWatermill(relay.Config{Subscriber: &source{records: []eventlog.Record{r}}, Publisher: to}))
	waitFor(t, "the record", func() bool { return to.positions() == "7" })
	want := message.NewMessage(r.ID.String(), r.Payload)
	for _, h := range relaying.Headers(&r) {
		want.Metadata[h.Name] = h.Value
	}
	if got := to.got[0]; !got.Equals(want) || to.topics[0] != r.Topic {
		t.Errorf("published to %s: %s\n%v\n%s\nwant to %s: %s\n%v\n%s",
			to.topics[0], got.UUID, got.Metadata, got.Payload, r.Topic, want.UUID, want.Metadata, want.Payload)
	}
}

func TestWrapRefusesARecordWithoutTopic(t *testing.T) {
	t.Parallel()
	r := record(7)
	r.Topic = ""
	if _, err := relay.Wrap(r); err == nil || !strings.Contains(err.Error(), "record 7") {
		t.Errorf("error %v, want one that names the record", err)
	}
}

func TestRefusedRecordIsTriedBeforeLaterOnesAndToldOnce(t *testing.T) {
	t.Parallel()
	const refusals = 6
	tries := 0
	to := new(target)
	to.publish = func(_ string, m *message.Message) error {
		if m.Metadata[relaying.HeaderPosition] == "2" && tries < refusals {
			tries++
			if tries == refusals {
				panic("the last one breaks")
			}
			return fmt.Errorf("refused %d", tries)
		}
		return nil
	}
	var log logged
	failures := new(notes)
	r := relay.NewWatermill(relay.Config{
		Subscriber: &source{records: records(4)}, Publisher: to, Failures: failures, RetryMax: time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	end := run(t, r)
	waitFor(t, "all records", func() bool { return to.positions() == "1 2 3 4" })
	if err := errors.Join(r.Health(), end()); err != nil {
		t.Error(err)
	}
	want := []string{
		"2: 1 refused 1", "2: 2 refused 2", "2: 3 refused 3", "2: 4 refused 4", "2: 5 refused 5",
		"2: 6 publisher panicked: the last one breaks", "2: 0 <nil>",
	}
	got := failures.list()
	for i := range got {
		got[i] = strings.ReplaceAll(got[i], "cannot publish a message: ", "")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	if lines := log.lines(); len(lines) != 2 || !strings.Contains(lines[0], "can't publish") || !strings.Contains(lines[1], "publishes again") {
		t.Errorf("want one line for the outage and one for its end:\n%s", strings.Join(lines, "\n"))
	}
}

func TestHealthTellsWhatIsRefusedSinceWhen(t *testing.T) {
	t.Parallel()
	to := new(target)
	to.set(func(string, *message.Message) error { return eventlog.ErrUnavailable })
	r := relay.NewWatermill(relay.Config{Subscriber: &source{records: records(1)}, Publisher: to, RetryMax: time.Millisecond})
	run(t, r)
	waitFor(t, "bad health", func() bool { return r.Health() != nil })
	err := r.Health()
	for _, want := range []string{"position 1", "domain.thing.events", "since", "attempt"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q isn't in %v", want, err)
		}
	}
	if !errors.Is(err, eventlog.ErrUnavailable) {
		t.Errorf("%v doesn't wrap its cause", err)
	}
	to.set(nil)
	waitFor(t, "good health", func() bool { return r.Health() == nil })
}

// A publish that is given up goes on behind the scenes: if the next one began beside it, its late success could come
// between newer records.
func TestPublishThatIsLateHoldsTheNextOneBack(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	under, most := 0, 0
	release := make(chan struct{})
	to := new(target)
	to.set(func(string, *message.Message) error {
		mu.Lock()
		under++
		most = max(most, under)
		mu.Unlock()
		<-release
		mu.Lock()
		under--
		mu.Unlock()
		return nil
	})
	r := relay.NewWatermill(relay.Config{
		Subscriber: &source{records: records(3)}, Publisher: to, PublishLimit: 5 * time.Millisecond, RetryMax: time.Millisecond,
	})
	run(t, r)
	waitFor(t, "a few attempts", func() bool {
		err := r.Health()
		return err != nil && strings.Contains(err.Error(), "attempt 4") && errors.Is(err, eventlog.ErrUnavailable)
	})
	close(release)
	waitFor(t, "all records", func() bool { return strings.HasSuffix(to.positions(), "1 2 3") })
	mu.Lock()
	defer mu.Unlock()
	if most != 1 {
		t.Errorf("%d publishes at once", most)
	}
	if got := to.positions(); got != "1 1 2 3" {
		t.Errorf("published %s, want the late success and then each once: 1 1 2 3", got)
	}
}

func TestRunSubscribesAgain(t *testing.T) {
	t.Parallel()
	to := new(target)
	var log logged
	r := relay.NewWatermill(relay.Config{
		Subscriber: &source{records: records(2), ends: 2, refuses: 2}, Publisher: to, RetryMax: time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	run(t, r)
	waitFor(t, "the records", func() bool { return to.positions() == "1 2" })
	waitFor(t, "good health", func() bool { return r.Health() == nil })
	if n := len(log.lines()); n > 6 { // two refusals in turn are one line; between the other ends it may have run for a moment
		t.Errorf("%d lines:\n%s", n, strings.Join(log.lines(), "\n"))
	}
}

func TestRunStopsWhileTheBrokerRefuses(t *testing.T) {
	t.Parallel()
	to := new(target)
	to.set(func(string, *message.Message) error { return errors.New("refused") })
	r := relay.NewWatermill(relay.Config{Subscriber: &source{records: records(1)}, Publisher: to, RetryMax: time.Hour})
	end := run(t, r)
	waitFor(t, "bad health", func() bool { return r.Health() != nil })
	if err := end(); err != nil {
		t.Error(err)
	}
}

func TestRunFinishesTheRecordInHand(t *testing.T) {
	t.Parallel()
	begun, release := make(chan struct{}), make(chan struct{})
	to := new(target)
	to.set(func(string, *message.Message) error {
		close(begun)
		<-release
		return nil
	})
	end := run(t, relay.NewWatermill(relay.Config{Subscriber: &source{records: records(1)}, Publisher: to}))
	<-begun
	ended := make(chan error, 1)
	go func() { ended <- end() }()
	close(release)
	if err := <-ended; err != nil || to.positions() != "1" {
		t.Errorf("Run returned %v with %q published, want nil and 1", err, to.positions())
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	r := relay.NewWatermill(relay.Config{PublishLimit: -1, RetryMax: -1, CloseTimeout: -1})
	for _, err := range []error{r.Run(t.Context()), r.Health()} {
		for _, field := range []string{"Subscriber", "Publisher", "PublishLimit", "RetryMax", "CloseTimeout"} {
			if err == nil || !strings.Contains(err.Error(), field) {
				t.Errorf("%s isn't named in: %v", field, err)
			}
		}
	}
}
