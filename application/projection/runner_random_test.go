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
// outcome is lost: each event before the first bad one of its aggregate takes effect once and in order, the others are parked and
// copied once and in order.
func TestRunnerWhateverHappens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var topic []projection.Delivery
		var good, bad []int
		stuck := make(map[string]bool)
		for n := range rapid.IntRange(1, 30).Draw(rt, "events") {
			aggregate := fmt.Sprint("a-", rapid.IntRange(0, 4).Draw(rt, "aggregate"))
			payload, poison := fmt.Sprintf(`{"n":%d}`, n), false
			switch kind := rapid.IntRange(0, 19).Draw(rt, "kind"); kind {
			case 0, 1:
				payload, poison = fmt.Sprintf(`{"n":%d,"fail":"refused"}`, n), true
			case 2:
				payload, poison = "{", true
			case 3, 4:
				topic = append(topic, deliveryOf(aggregate, int64(n), "other.event", ""))
				continue
			}
			topic = append(topic, deliveryOf(aggregate, int64(n), "thing.noted", payload))
			if stuck[aggregate] = stuck[aggregate] || poison; stuck[aggregate] {
				bad = append(bad, n)
			} else {
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
		var letters, parked []int
		for _, l := range r.letters(t) {
			letters = append(letters, slices.IndexFunc(topic, func(d projection.Delivery) bool { return d.Headers[0] == l.Headers[0] }))
		}
		for _, e := range r.parked(t) {
			parked = append(parked, int(e.Offset))
		}
		if diff := cmp.Diff(bad, letters) + cmp.Diff(bad, parked); diff != "" {
			rt.Errorf("copies and parked events (-want +got):\n%s", diff)
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
