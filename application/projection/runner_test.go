package projection_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application/projection"
)

func TestRunnerAppliesABatchInOneTransaction(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.handle(t, events(t, 5, 9)...)
	r.handle(t, events(t, 12, 14)...) // offsets have gaps
	if diff := cmp.Diff([][]int{numbers(5, 9), numbers(12, 14)}, r.calls); diff != "" {
		t.Errorf("calls of Apply (-want +got):\n%s", diff)
	}
	if next, err := r.Start(t.Context(), partition); next != 15 || err != nil {
		t.Errorf("Start: %d, %v, want 15", next, err)
	}
	if diff := cmp.Diff(projection.Stats{Applied: 8, LastApplied: r.clock.Now()}, r.Stats()); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}

func TestRunnerStartsAtNoneWithoutACheckpoint(t *testing.T) {
	t.Parallel()
	if next, err := newRig(t).Start(t.Context(), partition); next != projection.None || err != nil {
		t.Errorf("Start: %d, %v, want None", next, err)
	}
}

func TestRunnerPassesOtherTypesBy(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.handle(t, delivery(0, "other.event", "no JSON"), event(t, 1, ""), delivery(2, "thing.forgotten", "{}"))
	r.handle(t, delivery(3, "other.event", ""))
	if diff := cmp.Diff([][]int{{1}}, r.calls); diff != "" {
		t.Errorf("calls of Apply (-want +got):\n%s", diff)
	}
	if got := r.Stats(); got.Passed != 3 || got.Applied != 1 || got.Parked != 0 {
		t.Errorf("stats %+v, want 3 passed and 1 applied", got)
	}
	if next, err := r.Start(t.Context(), partition); next != 4 || err != nil {
		t.Errorf("Start: %d, %v, want 4", next, err)
	}
}

// A batch uses the memory of the one before, of which nothing may be left: not that an event was passed by, nor that it was parked.
func TestRunnerForgetsTheBatchBefore(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.handle(t, delivery(0, "other.event", ""), deliveryOf("poisoned", 1, "thing.noted", "{"), deliveryOf("poisoned", 2, "thing.noted", `{"n":2}`))
	r.handle(t, event(t, 3, ""), event(t, 4, ""), event(t, 5, ""))
	if diff := cmp.Diff([][]int{numbers(3, 5)}, r.calls); diff != "" {
		t.Errorf("calls of Apply (-want +got):\n%s", diff)
	}
	if got := r.Stats(); got.Passed != 1 || got.Parked != 2 || got.Applied != 3 {
		t.Errorf("stats %+v, want 1 passed, 2 parked and 3 applied", got)
	}
}

func TestRunnerRedeliveryIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.handle(t, events(t, 0, 4)...)
	for _, from := range []int64{projection.None, 0, 3, 7} {
		if _, err := r.Handle(t.Context(), partition, from, events(t, max(from, 0), 9)); !errors.Is(err, projection.ErrMoved) {
			t.Errorf("Handle from %d with the checkpoint at 5: %v, want ErrMoved", from, err)
		}
	}
	if diff := cmp.Diff(numbers(0, 4), r.effect(t)); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
}

func TestRunnerRefusesWhatComesBeforeItsCheckpoint(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.handle(t, events(t, 0, 4)...)
	if _, err := r.Handle(t.Context(), partition, 5, events(t, 4, 9)); err == nil || !strings.Contains(err.Error(), "offset 4") {
		t.Errorf("Handle: %v, want an error that names offset 4", err)
	}
}

func TestRunnerRefusesATopicMadeAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.handle(t, events(t, 0, 4)...)
	anew := partition
	anew.ID = uuid.New()
	if _, err := r.Start(t.Context(), anew); !errors.Is(err, projection.ErrTopicReplaced) {
		t.Errorf("Start: %v, want ErrTopicReplaced", err)
	}
	if _, err := r.Handle(t.Context(), anew, 5, events(t, 5, 6)); !errors.Is(err, projection.ErrTopicReplaced) {
		t.Errorf("Handle: %v, want ErrTopicReplaced", err)
	}
}

func TestRunnerConfigErrorsNameTheField(t *testing.T) {
	t.Parallel()
	_, err := projection.NewRunner(projection.RunnerConfig{MinBackoff: time.Second, MaxBackoff: time.Millisecond})
	if err == nil {
		t.Fatal("NewRunner took an empty configuration")
	}
	for _, want := range []string{"Name", "Version is 0", "Topics", "Types", "Apply", "Store", "Checkpoints", "Codec", "Parking", "MaxBackoff is 1ms"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q doesn't name %s", err, want)
		}
	}
}

func TestRunnerRunsASourceUntilItsContextEnds(t *testing.T) {
	t.Parallel()
	r, broker := newRig(t), memory.NewBroker(1)
	if r.Health() == nil {
		t.Error("Health before Run is nil")
	}
	for o := range int64(20) {
		d := event(t, o, "")
		if err := broker.Publish(t.Context(), memory.Message{Topic: "things", Key: "a", Value: d.Value, Headers: d.Headers}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx, memory.NewSource(broker, "list", "things")) }()
	eventually(t, func() bool { return r.Stats().Applied == 20 && r.Health() == nil })
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v, want nil", err)
	}
	if r.Health() == nil {
		t.Error("Health after Run is nil")
	}
}

func TestRunnerRunNamesTheProjectionInErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	err := newRig(t).Run(t.Context(), brokenSource{broken})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "projection list version 2") {
		t.Errorf("Run: %v, want the source's error with the projection's name", err)
	}
}

type brokenSource struct{ err error }

func (s brokenSource) Run(context.Context, projection.Handler) error { return s.err }
func (s brokenSource) Health() error                                 { return s.err }
