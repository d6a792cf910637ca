package projection_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
)

// noteOf is a delivery of an aggregate's noted event; the event's number is its offset.
func noteOf(aggregate string, offset int64, fail string) projection.Delivery {
	return deliveryOf(aggregate, offset, "thing.noted", fmt.Sprintf(`{"n":%d,"fail":%q}`, offset, fail))
}

// said returns offset and reason of each parked event.
func said(all []deadletter.Event) []string {
	var texts []string
	for _, e := range all {
		texts = append(texts, fmt.Sprint(e.Offset, " ", e.Key.AggregateID, " ", e.Reason))
	}
	return texts
}

func TestParkedEventHoldsBackItsAggregateOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.handle(t, noteOf("a", 0, ""), noteOf("b", 1, "refused"), noteOf("a", 2, ""), noteOf("b", 3, ""))
	r.handle(t, noteOf("b", 4, "refused"), noteOf("a", 5, ""), noteOf("c", 6, ""))
	if diff := cmp.Diff([]int{0, 2, 5, 6}, r.effect(t)); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
	want := []string{"1 b refused", "3 b behind", "4 b behind"}
	if diff := cmp.Diff(want, said(r.parked(t))); diff != "" {
		t.Errorf("parked (-want +got):\n%s", diff)
	}
	if got := r.Stats(); got.Applied != 4 || got.Parked != 3 || len(r.letters(t)) != 3 {
		t.Errorf("stats %+v and %d copies, want 4 applied, 3 parked, 3 copies", got, len(r.letters(t)))
	}
}

func TestParkedIsKnownToTheNextOwner(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.handle(t, noteOf("b", 0, "refused"))
	next, err := projection.NewRunner(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := next.Handle(t.Context(), partition, 1, []projection.Delivery{noteOf("b", 1, ""), noteOf("a", 2, "")}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{2}, r.effect(t)); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
}

func TestParkedIsFoundByHalves(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(r *rig) { r.cfg.Retries = 1 })
	batch := events(t, 0, 127)
	batch[77] = event(t, 77, "refused")
	r.handle(t, batch...)
	if n := len(r.calls); n > 20 { // twice as a whole, 7 halvings with a good and a bad half, the event once more
		t.Errorf("Apply was called %d times to find one event of 128", n)
	}
	if len(r.effect(t)) != 127 || len(r.parked(t)) != 1 {
		t.Errorf("%d applied and %d parked, want 127 and 1", len(r.effect(t)), len(r.parked(t)))
	}
}

func TestParkedWhenApplyTakesTooLong(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(r *rig) {
		r.cfg.Retries, r.cfg.Timeout = -1, time.Millisecond
		apply := r.cfg.Projection.Apply
		r.cfg.Projection.Apply = func(ctx context.Context, tx eventlog.Tx, batch []projection.Event) error {
			for _, e := range batch {
				if e.AggregateID == "slow" {
					<-ctx.Done()
					return errors.Join(ctx.Err(), eventlog.ErrUnavailable) // as a driver's statement that was cut off
				}
			}
			return apply(context.WithoutCancel(ctx), tx, batch)
		}
	})
	r.handle(t, noteOf("slow", 0, ""), noteOf("slow", 1, ""))
	all := r.parked(t)
	if diff := cmp.Diff([]string{"0 slow timed out", "1 slow behind"}, said(all)); diff != "" {
		t.Errorf("parked (-want +got):\n%s", diff)
	}
	if !strings.Contains(all[0].Error, "took longer than 1ms") {
		t.Errorf("error %q doesn't name the limit", all[0].Error)
	}
}

func TestParkedUnknownBySettingOnly(t *testing.T) {
	t.Parallel()
	for park, want := range map[bool][]string{false: nil, true: {"0 a unknown", "1 a behind"}} {
		r := newRig(t, func(r *rig) {
			r.cfg.ParkUnknown, r.cfg.Known = park, func(eventType string) bool { return eventType == "known.event" }
		})
		r.handle(t, deliveryOf("a", 0, "other.event", "{}"), noteOf("a", 1, ""), deliveryOf("b", 2, "known.event", "{}"), noteOf("b", 3, ""))
		if diff := cmp.Diff(want, said(r.parked(t))); diff != "" {
			t.Errorf("ParkUnknown %t (-want +got):\n%s", park, diff)
		}
	}
}

func TestParkedWithoutAggregateIsHeldBackByItsKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	bad := func(offset int64, key string) projection.Delivery {
		return projection.Delivery{Partition: partition, Offset: offset, Key: []byte(key), Value: []byte("x"), Err: errors.New("no event")}
	}
	r.handle(t, bad(0, "k"), bad(1, "k"), bad(2, ""), bad(3, ""))
	want := []string{"0 k undecodable", "1 k undecodable", "2 offset 2 undecodable", "3 offset 3 undecodable"}
	if diff := cmp.Diff(want, said(r.parked(t))); diff != "" {
		t.Errorf("parked (-want +got):\n%s", diff)
	}
}

// What was replayed to its end flows again, also what comes while the runner still thinks that it is parked.
func TestParkedFlowsAgainWhenItsSequenceHasGone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.handle(t, noteOf("b", 0, "refused"))
	if err := r.parking.Discard(t.Context(), r.parked(t)[0].ID, deadletter.Decision{By: "anna", Why: "wrong"}); err != nil {
		t.Fatal(err)
	}
	next, err := r.Handle(t.Context(), partition, 1, []projection.Delivery{noteOf("a", 1, ""), noteOf("b", 2, ""), noteOf("b", 3, "refused"), noteOf("b", 4, "")})
	if err != nil || next != 5 {
		t.Fatalf("Handle: %d, %v", next, err)
	}
	if diff := cmp.Diff([]int{1, 2}, r.effect(t)); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"3 b refused", "4 b behind"}, said(r.parked(t))); diff != "" {
		t.Errorf("parked (-want +got):\n%s", diff)
	}
}

// A rival parked something and moved the checkpoint: the runner learns both when it starts again.
func TestParkedByARivalIsKnownAfterStart(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.handle(t, noteOf("a", 0, ""))
	rival, err := projection.NewRunner(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rival.Handle(t.Context(), partition, 1, []projection.Delivery{noteOf("b", 1, "refused")}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Handle(t.Context(), partition, 1, []projection.Delivery{noteOf("b", 1, "")}); !errors.Is(err, projection.ErrMoved) {
		t.Fatalf("Handle: %v, want ErrMoved", err)
	}
	r.handle(t, noteOf("b", 2, ""))
	if diff := cmp.Diff([]string{"1 b refused", "2 b behind"}, said(r.parked(t))); diff != "" {
		t.Errorf("parked (-want +got):\n%s", diff)
	}
}
