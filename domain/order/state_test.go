package order_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
)

func TestRehydrateRestoresEveryState(t *testing.T) {
	t.Parallel()
	for _, status := range order.Statuses() {
		o := new(order.Order)
		domain.Begin(o, string(id))
		domain.Replay(o, history(status)...)
		want := o.State()
		again := order.Rehydrate(want)
		if diff := cmp.Diff(want, again.State()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", status, diff)
		}
		if got := domain.Stored(again); got != want.Version || len(domain.Recorded(again)) != 0 {
			t.Errorf("%s: at stored version %d with %d recorded, want %d and none", status, got, len(domain.Recorded(again)), want.Version)
		}
	}
}

func TestOpenOrders(t *testing.T) {
	t.Parallel()
	final := map[order.Status]bool{order.StatusDelivered: true, order.StatusCancelled: true}
	for _, status := range order.Statuses() {
		if got := (order.State{Status: status}).Open(); got == final[status] {
			t.Errorf("%s: open is %t", status, got)
		}
	}
}

// TestAnyCommandsInAnyOrder runs random commands against an order and a model: the set of events that may follow each
// other. Whatever comes, what is recorded follows the table and folds to the state.
func TestAnyCommandsInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o, err := order.Place(id, customer, items(), at(0))
		if err != nil {
			t.Fatal(err)
		}
		for i := range rapid.IntRange(0, 12).Draw(t, "commands") {
			before, recorded := o.State(), len(domain.Recorded(o))
			err := command(t, o, at(i+1))
			after, added := o.State(), domain.Recorded(o)[recorded:]
			switch {
			case len(added) > 1:
				t.Fatalf("one command recorded %d events", len(added))
			case len(added) == 1 && (err != nil || !before.Status.MayBecome(after.Status)):
				t.Fatalf("from %s to %s with error %v", before.Status, after.Status, err)
			case len(added) == 0 && cmp.Diff(before, after) != "":
				t.Fatalf("state changed without an event:\n%s", cmp.Diff(before, after))
			}
		}
		folded := new(order.Order)
		domain.Begin(folded, o.ID())
		domain.Replay(folded, domain.Recorded(o)...)
		if diff := cmp.Diff(folded.State(), o.State()); diff != "" {
			t.Fatalf("state differs from the fold (-fold +state):\n%s", diff)
		}
	})
}

func command(t *rapid.T, o *order.Order, when time.Time) error {
	switch rapid.SampledFrom([]string{"confirm", "ship", "deliver", "cancel"}).Draw(t, "command") {
	case "confirm":
		return o.Confirm(when)
	case "ship":
		return o.Ship(rapid.SampledFrom([]order.Tracking{"A", "B", ""}).Draw(t, "tracking"), when)
	case "deliver":
		return o.Deliver(when)
	}
	return o.Cancel(rapid.SampledFrom([]order.Reason{"A", "B", ""}).Draw(t, "reason"), when)
}
