// Package domaintest tests aggregates by what they record: [Given] events that happened, [Case.When] a decision is
// made, then these events, none, or an error come of it. [Create] is the beginning for decisions that make an
// aggregate.
//
//	domaintest.Given(t, new(order.Order), created).
//		When(func(o *order.Order) error { return o.Confirm(now) }).
//		Then(order.Confirmed{ID: id, At: now})
//
// Every outcome also checks that an aggregate folded afresh from all the events is in the same state as the one that
// decided: a decision that changes state without an event doesn't survive storing.
package domaintest

import (
	"testing"

	"github.com/tenon-go/tenon/domain"
)

// ID is the id that [Given] gives to an aggregate which has none.
const ID = "11111111-1111-4111-8111-111111111111"

// Aggregate is the pointer type of an aggregate's struct A.
type Aggregate[A any] interface {
	*A
	domain.Aggregate
}

// Case is an aggregate in a known state, ready for one decision.
type Case[A any, PA Aggregate[A]] struct {
	t     testing.TB
	live  PA
	given []domain.Event
}

// Given returns the case of a, to which events have happened. An aggregate without an id gets [ID].
func Given[A any, PA Aggregate[A]](t testing.TB, a PA, events ...domain.Event) *Case[A, PA] {
	t.Helper()
	if len(domain.Recorded(a)) > 0 || domain.Stored(a) > 0 {
		t.Fatalf("given: %T has events already: give a new one and its events", a)
	}
	if domain.IDOf(a) == "" {
		domain.Begin(a, ID)
	}
	domain.Replay(a, events...)
	return &Case[A, PA]{t: t, live: a, given: events}
}

// When makes the decision and returns its outcome. Call one of the outcome's methods.
func (c *Case[A, PA]) When(decide func(PA) error) *Outcome[A, PA] {
	c.t.Helper()
	return &Outcome[A, PA]{t: c.t, live: c.live, given: c.given, err: decide(c.live)}
}

// Create makes an aggregate and returns the outcome.
func Create[A any, PA Aggregate[A]](t testing.TB, decide func() (PA, error)) *Outcome[A, PA] {
	t.Helper()
	a, err := decide()
	return &Outcome[A, PA]{t: t, live: a, err: err}
}
