package projection_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/relaying"
)

var anna = deadletter.Decision{By: "anna", Why: "mended"}

// replay replays the sequence of an aggregate.
func (r *rig) replay(t testing.TB, aggregate string) (projection.Replay, error) {
	t.Helper()
	replayer, err := projection.NewReplayer(projection.ReplayerConfig{
		Projection: r.cfg.Projection, Store: r.cfg.Store, Checkpoints: r.cfg.Checkpoints, Parked: r.parking, Codec: r.cfg.Codec, Now: r.clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	place := deadletter.Place{Projection: "list", Version: 2, Topic: partition.Topic, Partition: partition.Number}
	return replayer.Replay(t.Context(), deadletter.Key{Place: place, AggregateType: "thing", AggregateID: aggregate}, anna)
}

func (r *rig) edit(t testing.TB, offset int64, payload string) {
	t.Helper()
	for _, e := range r.parked(t) {
		if e.Offset == offset {
			if err := r.parking.Edit(t.Context(), e.ID, []byte(payload), anna); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no event at %d is parked", offset)
}

func TestReplayAppliesInOrderAndTheSequenceFlowsAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.handle(t, noteOf("b", 0, "refused"), noteOf("a", 1, ""), noteOf("b", 2, ""), noteOf("b", 3, ""))
	r.edit(t, 0, `{"n":0}`)
	got, err := r.replay(t, "b")
	if err != nil || got.Applied != 3 || got.Stuck != nil {
		t.Fatalf("replay: %+v, %v", got, err)
	}
	if last := r.calls[len(r.calls)-1]; !cmp.Equal(last, []int{0, 2, 3}) {
		t.Errorf("applied %v, want them in order", last)
	}
	if len(r.parked(t)) != 0 {
		t.Errorf("parked %v after the replay", r.parked(t))
	}
	r.handle(t, noteOf("b", 4, ""))
	if diff := cmp.Diff(numbers(0, 4), r.effect(t)); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
	if _, err := r.replay(t, "b"); !errors.Is(err, deadletter.ErrNotParked) {
		t.Errorf("replay of nothing: %v", err)
	}
}

// What came again while its aggregate was parked is parked too, and takes effect once.
func TestReplayAppliesAnEventThatComesAgainOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first, second := noteOf("b", 0, "refused"), noteOf("b", 1, "")
	first.Record.Version, second.Record.Version = 1, 2
	first.Headers, second.Headers = relaying.Headers(&first.Record), relaying.Headers(&second.Record)
	r.handle(t, first, second, again(second, 2))
	r.edit(t, 0, `{"n":0}`)
	if got, err := r.replay(t, "b"); err != nil || got.Stuck != nil || len(r.parked(t)) != 0 {
		t.Fatalf("replay: %+v, %v", got, err)
	}
	r.handle(t, again(second, 3), noteOf("b", 4, ""))
	if diff := cmp.Diff([]int{0, 1, 4}, r.effect(t)); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
}

func TestReplayStopsAtTheEventThatFailsAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.handle(t, noteOf("b", 0, "refused"), noteOf("b", 1, ""), noteOf("b", 2, "panic"), noteOf("b", 3, ""))
	r.edit(t, 0, `{"n":0}`)
	got, err := r.replay(t, "b")
	if err != nil || got.Applied != 2 || got.Stuck == nil || got.Stuck.Offset != 2 || got.Stuck.Reason != deadletter.Panicked {
		t.Fatalf("replay: %+v, %v", got, err)
	}
	left := r.parked(t)
	if diff := cmp.Diff([]string{"2 b panicked", "3 b behind"}, said(left)); diff != "" {
		t.Errorf("parked (-want +got):\n%s", diff)
	}
	if left[0].Attempts != 1 || left[0].Stack == "" || left[0].FirstFailed.IsZero() {
		t.Errorf("failure isn't noted: %+v", left[0])
	}
	if diff := cmp.Diff([]int{0, 1}, r.effect(t)); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
}

// New events of the aggregates that are replayed come in all the time: each takes effect once and in its order.
func TestReplayWhileNewEventsArrive(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const last = 400
	r.handle(t, noteOf("b", 0, "refused"), noteOf("b", 1, ""))
	handled := make(chan error, 1)
	go func() {
		var err error
		for o := int64(2); o <= last && err == nil; o++ {
			fail := ""
			if o%50 == 0 {
				fail = "refused"
			}
			_, err = r.Handle(t.Context(), partition, o, []projection.Delivery{noteOf("b", o, fail)})
		}
		handled <- err
	}()
	for ended := false; ; {
		for _, e := range r.parked(t) {
			if e.Edited == nil && e.Offset%50 == 0 {
				r.edit(t, e.Offset, fmt.Sprintf(`{"n":%d}`, e.Offset))
			}
		}
		if _, err := r.replay(t, "b"); err != nil && !errors.Is(err, deadletter.ErrNotParked) {
			t.Fatal(err)
		}
		if ended && len(r.parked(t)) == 0 {
			break
		}
		select {
		case err := <-handled:
			if err != nil {
				t.Fatal(err)
			}
			ended = true
		default:
		}
	}
	if diff := cmp.Diff(numbers(0, last), r.effect(t)); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
}
