package order

import (
	"slices"
	"time"

	"github.com/tenon-go/tenon/domain"
)

// State is all that is known of an order: what its events add up to.
type State struct {
	ID           ID
	Customer     CustomerID
	Items        []Item // one at least; never changes after placing
	Total        Money  // sum of the items
	Status       Status
	Tracking     Tracking // empty before shipping
	CancelReason Reason   // empty unless cancelled
	CreatedAt    time.Time
	UpdatedAt    time.Time // when the last event happened
	Version      domain.Version
}

// Open reports whether the order is still on its way: neither delivered nor cancelled.
func (s State) Open() bool { return !s.Status.Final() }

// State returns the order's state. Its items are a copy.
func (o *Order) State() State {
	s := o.state
	s.ID, s.Version, s.Items = ID(o.ID()), o.Version(), slices.Clone(o.state.Items)
	return s
}

// Status returns where the order stands; empty before it is placed.
func (o *Order) Status() Status { return o.state.Status }

// Customer returns who placed the order.
func (o *Order) Customer() CustomerID { return o.state.Customer }

// Total returns what all items cost together.
func (o *Order) Total() Money { return o.state.Total }

// Rehydrate returns the order of a state that was stored, at the version that was stored with it. The state is
// trusted: it is one that State returned. It panics when the state has no id.
func Rehydrate(s State) *Order {
	o := &Order{state: s}
	o.state.ID, o.state.Version = "", 0
	domain.Restore(o, string(s.ID), s.Version)
	return o
}

// Apply folds one event into the state.
func (o *Order) Apply(e domain.Event) {
	s := &o.state
	switch e := e.(type) {
	case Created:
		s.Customer, s.Items, s.Total = e.Customer, e.Items, e.Total
		s.Status, s.CreatedAt, s.UpdatedAt = StatusPending, e.At, e.At
	case Confirmed:
		s.Status, s.UpdatedAt = StatusConfirmed, e.At
	case Shipped:
		s.Status, s.Tracking, s.UpdatedAt = StatusShipped, e.Tracking, e.At
	case Delivered:
		s.Status, s.UpdatedAt = StatusDelivered, e.At
	case Cancelled:
		s.Status, s.CancelReason, s.UpdatedAt = StatusCancelled, e.Reason, e.At
	}
}
