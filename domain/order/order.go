// Package order is the sample context's model: the aggregate [Order], the events it records and the values both are
// made of. [Place] makes an order; Confirm, Ship, Deliver and Cancel move it on, each allowed by one table of steps
// (status.go).
//
// A command done twice records nothing the second time. Input out of range is *domain.InvalidError, a step that the
// status forbids *[TransitionError]. Storing is adapters/orderpg's business, commands and queries are in
// application/orderapp.
package order

import (
	"slices"
	"time"

	"github.com/tenon-go/tenon/domain"
)

// AggregateType is the name under which orders are stored; their topic is named after it.
const AggregateType = "order"

// Order is one customer's order. Make it with [Place], or read it back with [Rehydrate] or domain.Replay.
type Order struct {
	domain.Root
	state State // ID and Version are left to Root
}

var _ domain.Aggregate = (*Order)(nil)

// Place makes a pending order and records [Created]. The error joins a *domain.InvalidError for each thing that is
// wrong, at most 20 of them: the id, the customer, no or more than [MaxItems] items, an item, currencies that differ,
// a total over [MaxAmount].
func Place(id ID, by CustomerID, items []Item, now time.Time) (*Order, error) {
	var p problems
	p.add(id.check("id"))
	p.add(by.Check())
	total := checkItems(&p, items)
	if err := p.err(); err != nil {
		return nil, err
	}
	o := new(Order)
	domain.Begin(o, string(id))
	domain.Record(o, Created{ID: id, Customer: by, Items: slices.Clone(items), Total: total, At: stamp(now)})
	return o, nil
}

// Confirm accepts a pending order and records [Confirmed]. On a confirmed order it does nothing.
func (o *Order) Confirm(now time.Time) error {
	if again, err := o.step(StatusConfirmed); again || err != nil {
		return err
	}
	domain.Record(o, Confirmed{ID: ID(o.ID()), At: stamp(now)})
	return nil
}

// Ship notes that a confirmed order has left, under its carrier's tracking number, and records [Shipped]. On an order
// shipped under the same number it does nothing; another number is *[TrackingError].
func (o *Order) Ship(t Tracking, now time.Time) error {
	if err := t.check(); err != nil {
		return err
	}
	switch again, err := o.step(StatusShipped); {
	case err != nil:
		return err
	case again && t != o.state.Tracking:
		return &TrackingError{Have: o.state.Tracking, Given: t}
	case again:
		return nil
	}
	domain.Record(o, Shipped{ID: ID(o.ID()), Tracking: t, At: stamp(now)})
	return nil
}

// Deliver notes that a shipped order has arrived and records [Delivered]. On a delivered order it does nothing.
func (o *Order) Deliver(now time.Time) error {
	if again, err := o.step(StatusDelivered); again || err != nil {
		return err
	}
	domain.Record(o, Delivered{ID: ID(o.ID()), At: stamp(now)})
	return nil
}

// Cancel gives up an order that hasn't been shipped and records [Cancelled]. On a cancelled order it does nothing,
// whatever the reason: the first one stays.
func (o *Order) Cancel(why Reason, now time.Time) error {
	if err := why.check(); err != nil {
		return err
	}
	if again, err := o.step(StatusCancelled); again || err != nil {
		return err
	}
	domain.Record(o, Cancelled{ID: ID(o.ID()), Reason: why, At: stamp(now)})
	return nil
}

// step reports whether the order is in status to already, or *TransitionError when no step leads there.
func (o *Order) step(to Status) (again bool, err error) {
	from := o.state.Status
	if from == to {
		return true, nil
	}
	if !from.MayBecome(to) {
		return false, &TransitionError{ID: ID(o.ID()), From: from, To: to}
	}
	return false, nil
}

// stamp makes a time what a database gives back: UTC, whole microseconds, no monotonic clock. A state that was stored
// then equals the one that was folded.
func stamp(now time.Time) time.Time { return now.UTC().Truncate(time.Microsecond) }
