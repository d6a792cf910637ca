package projection_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
)

// Two owners of one partition at the same time, batches cut anywhere, poison, other types, and transactions that fail or whose
// outcome is lost: each good event takes effect once and in order, each bad one is copied at least once.
func TestRunnerWhateverHappens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var topic []projection.Delivery
		var good, bad []int
		for n := range rapid.IntRange(1, 30).Draw(rt, "events") {
			switch kind := rapid.IntRange(0, 9).Draw(rt, "kind"); kind {
			case 0, 1:
				topic = append(topic, event(t, int64(n), "refused"))
				bad = append(bad, n)
			case 2:
				topic = append(topic, delivery(int64(n), "thing.noted", "{"))
				bad = append(bad, n)
			case 3:
				topic = append(topic, delivery(int64(n), "other.event", ""))
			default:
				topic = append(topic, event(t, int64(n), ""))
				good = append(good, n)
			}
		}
		r := newRig(t, withFaults(&faultyStore{commit: func(commit func() error) error {
			switch rapid.IntRange(0, 9).Draw(rt, "commit") {
			case 0:
				return eventlog.ErrUnavailable
			case 1:
				return eventlog.ErrOutcomeUnknown
			case 2:
				return errors.Join(commit(), eventlog.ErrOutcomeUnknown)
			}
			return commit()
		}}, nil))
		for done := false; !done; {
			done = r.ownInTurn(t, rt, topic)
		}
		if diff := cmp.Diff(good, r.effect(t)); diff != "" {
			rt.Errorf("effects (-want +got):\n%s", diff)
		}
		var letters []int
		for _, l := range r.letters(t) {
			n := slices.IndexFunc(topic, func(d projection.Delivery) bool { return d.Record.ID == l.Record.ID })
			letters = append(letters, n)
		}
		slices.Sort(letters)
		if diff := cmp.Diff(bad, slices.Compact(letters)); diff != "" {
			rt.Errorf("dead letters (-want +got):\n%s", diff)
		}
	})
}

// ownInTurn lets an owner read the checkpoint, another one handle a batch meanwhile, and the first go on; true at the topic's end.
func (r *rig) ownInTurn(t testing.TB, rt *rapid.T, topic []projection.Delivery) bool {
	t.Helper()
	stale, err := r.Start(t.Context(), partition)
	if err != nil {
		rt.Fatal(err)
	}
	if int(stale) == len(topic) {
		return true
	}
	for range rapid.IntRange(1, 3).Draw(rt, "owners") {
		from := stale
		rest := topic[max(from, 0):]
		batch := rest[:rapid.IntRange(1, len(rest)).Draw(rt, "batch")]
		if _, err := r.Handle(context.WithoutCancel(t.Context()), partition, from, batch); err != nil && !errors.Is(err, projection.ErrMoved) {
			rt.Fatal(fmt.Errorf("handle from %d: %w", from, err))
		}
	}
	return false
}
