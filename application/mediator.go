// Package application is what users of the kernel call: the mediator ([Builder], [Mediator], [Send], [Publish],
// [Stream]), the unit of work ([Unit], [Get], [Add]) and the repository contract.
//
// A [Builder] takes handlers while the program is wired; [Builder.Build] reports everything that is missing or double.
// A command runs in a unit of work: aggregates are loaded, decide and record events; then one transaction writes state
// and events; then after-commit handlers are told. A conflict runs the handler again with a fresh unit.
//
// Contracts of the log, codec, relay and projections are in the sub-packages; what implements them is under adapters.
// After-commit handlers are best effort, in this process: what must not be lost belongs in a projection or a
// subscription.
package application

import (
	"context"
	"errors"
	"fmt"
	"reflect"
)

// ErrNoHandler says that nothing handles a request of that type.
var ErrNoHandler = errors.New("no handler")

// Request is a command or query whose handler returns R. Embed [Returns] to be one.
type Request[R any] interface {
	returns(R)
}

// Returns makes the struct that embeds it a [Request] with result R, which [Send] and [Bind] infer. It takes no space
// when it is the first field.
type Returns[R any] struct{}

func (Returns[R]) returns(R) {}

// Done is the result of requests that return nothing.
type Done struct{}

// Mediator finds the handler of a request, notification or stream by its type and runs it inside the behaviours. Made
// by [Builder.Build], then read-only: safe for concurrent use.
type Mediator struct {
	routes        map[typeKey]any // request type to *route[C, R]
	streams       map[typeKey]any // request type to *streamRoute[Q, R]
	notifications map[typeKey]any // notification type to *listeners[N]
}

// typeKey is where the program describes a type, for good: a map finds a number sooner than a reflect.Type.
type typeKey uintptr

func keyOf[T any]() typeKey { return typeKey(reflect.ValueOf(reflect.TypeFor[T]()).Pointer()) }

// Send runs c's handler within the behaviours and returns its result; R is inferred from c. With a query as c nothing
// is allocated. The error is the handler's or a behaviour's; [ErrNoHandler] if there is none.
func Send[C Request[R], R any](ctx context.Context, m *Mediator, c C) (R, error) {
	r, ok := m.routes[keyOf[C]()].(*route[C, R])
	if !ok {
		var none R
		return none, noHandler(reflect.TypeFor[C]())
	}
	return r.send(ctx, c)
}

// noHandler names the type, and the likely mistake when it is a pointer.
func noHandler(t reflect.Type) error {
	if t.Kind() == reflect.Pointer {
		return fmt.Errorf("%w for %v: requests are sent by value, as %v", ErrNoHandler, t, t.Elem())
	}
	return fmt.Errorf("%w for %v", ErrNoHandler, t)
}
