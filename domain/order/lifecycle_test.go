package order_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/domaintest"
	"github.com/tenon-go/tenon/domain/order"
)

// TestEveryStepFromEveryStatus holds each command to the table, from each status: one event, none, or TransitionError.
func TestEveryStepFromEveryStatus(t *testing.T) {
	t.Parallel()
	commands := []struct {
		name   string
		to     order.Status
		decide func(*order.Order) error
		event  domain.Event
		from   []order.Status
	}{
		{"confirm", order.StatusConfirmed, confirm, order.Confirmed{ID: id, At: now()}, []order.Status{order.StatusPending}},
		{"ship", order.StatusShipped, ship, order.Shipped{ID: id, Tracking: parcel, At: now()}, []order.Status{order.StatusConfirmed}},
		{"deliver", order.StatusDelivered, deliver, order.Delivered{ID: id, At: now()}, []order.Status{order.StatusShipped}},
		{
			"cancel", order.StatusCancelled, cancel,
			order.Cancelled{ID: id, Reason: regret, At: now()},
			[]order.Status{order.StatusPending, order.StatusConfirmed},
		},
	}
	for _, c := range commands {
		for _, from := range order.Statuses() {
			t.Run(fmt.Sprintf("%s when %s", c.name, from), func(t *testing.T) {
				t.Parallel()
				outcome := domaintest.Given(t, new(order.Order), history(from)...).When(c.decide)
				switch {
				case from == c.to:
					outcome.ThenNothing()
				case strings.Contains(fmt.Sprint(c.from), string(from)):
					if got := outcome.Then(c.event).Status(); got != c.to {
						t.Errorf("status is %s, want %s", got, c.to)
					}
				default:
					outcome.ThenError(&order.TransitionError{ID: id, From: from, To: c.to})
				}
			})
		}
	}
}

func TestShipAgainWithAnotherNumberIsAgainstTheRules(t *testing.T) {
	t.Parallel()
	again := func(o *order.Order) error { return o.Ship("2B-000", now()) }
	domaintest.Given(t, new(order.Order), history(order.StatusShipped)...).When(again).
		ThenError(&order.TrackingError{Have: parcel, Given: "2B-000"})
	domaintest.Given(t, new(order.Order), history(order.StatusShipped)...).When(again).ThenError(domain.ErrRule)
}

func TestCancelAgainKeepsTheFirstReason(t *testing.T) {
	t.Parallel()
	o := domaintest.Given(t, new(order.Order), history(order.StatusCancelled)...).
		When(func(o *order.Order) error { return o.Cancel("something else", now()) }).Then()
	if got := o.State().CancelReason; got != regret {
		t.Errorf("reason is %q, want %q", got, regret)
	}
}

func TestUpdatedIsWhenTheLastEventHappened(t *testing.T) {
	t.Parallel()
	for _, status := range order.Statuses() {
		o := domaintest.Given(t, new(order.Order), history(status)...).When(func(*order.Order) error { return nil }).Then()
		s := o.State()
		if want := at(len(history(status)) - 1); status != order.StatusCancelled && s.UpdatedAt != want {
			t.Errorf("%s: updated at %v, want %v", status, s.UpdatedAt, want)
		}
		if s.CreatedAt != at(0) {
			t.Errorf("%s: created at %v, want %v", status, s.CreatedAt, at(0))
		}
	}
}

func TestTextOfCommands(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		from   order.Status
		decide func(*order.Order) error
		field  string // empty: fine
	}{
		"no tracking number":          {order.StatusConfirmed, func(o *order.Order) error { return o.Ship("", now()) }, "trackingNumber"},
		"tracking number of 100":      {order.StatusConfirmed, func(o *order.Order) error { return o.Ship(tracking(100), now()) }, ""},
		"tracking number of 101":      {order.StatusConfirmed, func(o *order.Order) error { return o.Ship(tracking(101), now()) }, "trackingNumber"},
		"bad number, shipped already": {order.StatusShipped, func(o *order.Order) error { return o.Ship("\x7f", now()) }, "trackingNumber"},
		"no reason":                   {order.StatusPending, func(o *order.Order) error { return o.Cancel("", now()) }, "reason"},
		"reason of 500":               {order.StatusPending, func(o *order.Order) error { return o.Cancel(reason(500), now()) }, ""},
		"reason of 501":               {order.StatusPending, func(o *order.Order) error { return o.Cancel(reason(501), now()) }, "reason"},
		"reason of two lines":         {order.StatusPending, func(o *order.Order) error { return o.Cancel("a\r\n\tb", now()) }, ""},
		"reason with escape":          {order.StatusPending, func(o *order.Order) error { return o.Cancel("a\x1bb", now()) }, "reason"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := new(order.Order)
			domain.Begin(o, string(id))
			domain.Replay(o, history(tt.from)...)
			err := tt.decide(o)
			if got := strings.Join(fields(err), " "); got != tt.field {
				t.Errorf("complains of %q, want %q: %v", got, tt.field, err)
			}
		})
	}
}

func tracking(n int) order.Tracking { return order.Tracking(strings.Repeat("ü", n)) }
func reason(n int) order.Reason     { return order.Reason(strings.Repeat("ü", n)) }
