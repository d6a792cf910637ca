package projection_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
)

// again is the same event under another offset.
func again(d projection.Delivery, offset int64) projection.Delivery {
	d.Offset = offset
	return d
}

func TestRunnerAppliesAnEventThatComesAgainOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first, second := event(t, 0, ""), event(t, 1, "")
	second.Record.Version, first.Record.Version = 2, 1
	message := event(t, 2, "") // without a version
	r.handle(t, first, second, message)
	r.handle(t, again(first, 3), again(message, 4), again(second, 5))
	r.handle(t, again(second, 6), event(t, 7, ""))
	if diff := cmp.Diff([]int{0, 1, 2, 7}, r.effect(t)); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
	if next, err := r.Start(t.Context(), partition); next != 8 || err != nil {
		t.Errorf("Start: %d, %v, want 8", next, err)
	}
}

// What is taken for a repeat is neither silent nor counted with what the projection doesn't handle.
func TestRunnerTellsWhatItTakesForRepeats(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := newRig(t, func(r *rig) { r.cfg.Logger = slog.New(slog.NewTextHandler(&out, nil)) })
	first, second := event(t, 0, ""), event(t, 1, "")
	first.Record.AggregateID, second.Record.AggregateID = "a", "a"
	first.Record.Version, second.Record.Version = 1, 2
	r.handle(t, again(second, 0), again(first, 1)) // the topic's order is broken
	r.handle(t, again(second, 2), delivery(3, "thing.other", "{}"))
	if got := r.Stats(); got.Applied != 1 || got.Repeated != 2 || got.Passed != 1 {
		t.Errorf("got %+v", got)
	}
	if n := strings.Count(out.String(), "came again"); n != 1 {
		t.Errorf("told %d times within a minute, want once:\n%s", n, out.String())
	}
	r.clock.Advance(time.Minute)
	r.handle(t, again(second, 4))
	if n := strings.Count(out.String(), "came again"); n != 2 {
		t.Errorf("told %d times, want again after a minute", n)
	}
}

func TestRunnerHandsRepeatsOverWhereTheyAreAllowed(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(r *rig) { r.cfg.Projection.Repeats = projection.Allowed })
	first := event(t, 0, "")
	r.handle(t, first)
	r.handle(t, again(first, 1))
	if diff := cmp.Diff([][]int{{0}, {0}}, r.calls); diff != "" {
		t.Errorf("calls of Apply (-want +got):\n%s", diff)
	}
}

// Whoever waits for the projection in this process looks again after every batch, also one that was parked.
func TestRunnerTellsThatItHasApplied(t *testing.T) {
	t.Parallel()
	var applied eventlog.Signal
	r := newRig(t, func(r *rig) { r.cfg.Applied, r.cfg.Retries = &applied, -1 })
	for offset, fail := range []string{"", "can't"} {
		woken := applied.Wait()
		r.handle(t, event(t, int64(offset), fail))
		select {
		case <-woken:
		default:
			t.Errorf("nobody was told of offset %d", offset)
		}
	}
}
