package application

import (
	"context"
	"fmt"
	"reflect"

	"github.com/tenon-go/tenon/application/codec"
)

// beforeFunc and afterFunc are handlers of an event, without its type.
type (
	beforeFunc func(context.Context, *Unit, happened) error
	afterFunc  func(context.Context, happened) error
)

// Event names the event type E as it is stored and published ("order.created"), with the schema version of its present
// form, from 1. [Builder.Build] reports names and types given twice.
func Event[E any](b *Builder, name string, schemaVersion int) {
	codec.Register[E](b.kernel.types, name, schemaVersion)
}

// Upcast registers how an event stored at schema version from is read as one of from+1, by all who decode: aggregates,
// handlers and projections. What is stored and published stays as it is. Old and New are the two forms, structs or
// json.RawMessage. [Builder.Build] reports a step that is missing between two others and the present version, see
// [codec.Upcast].
func Upcast[Old, New any](b *Builder, name string, from int, f func(Old) (New, error)) {
	codec.Upcast(b.kernel.types, name, from, f)
}

// Before registers a handler that runs inside the transaction of every unit of work that recorded an E, before anything
// is written. It may change further aggregates and read through [Unit.Tx]; the events this records get their Before
// handlers too, until no new ones appear. Its error rolls the unit back. Several handlers run in the order registered.
func Before[E any](b *Builder, h func(context.Context, *Unit, Recorded[E]) error) {
	t := reflect.TypeFor[E]()
	b.eventTypes[t] = fmt.Sprintf("a Before handler for %v", t)
	b.kernel.before[t] = append(b.kernel.before[t], func(ctx context.Context, u *Unit, x happened) error {
		return h(ctx, u, recordedFrom[E](x))
	})
}

// On registers a handler of notification N, told by [Publish]. When N is Recorded[E] it is told of every committed E,
// before Send returns: best effort, its errors and panics are logged and don't reach the sender. Any number of handlers
// may be registered; they run in that order.
func On[N any](b *Builder, h func(context.Context, N) error) {
	t := reflect.TypeFor[N]()
	l := b.listening[t]
	if l == nil {
		l = &listening{}
		b.listening[t] = l
	}
	l.handlers++
	name := fmt.Sprintf("%v handler %d", t, l.handlers)
	l.build = append(l.build, func(m *Mediator, s Strategy, chain []Behaviour) {
		r := newRoute(KindNotification, func(ctx context.Context, n N) (Done, error) { return Done{}, h(ctx, n) })
		r.name, r.chain = name, chain
		ls, ok := m.notifications[keyOf[N]()].(*listeners[N])
		if !ok {
			ls = &listeners[N]{strategy: s}
			m.notifications[keyOf[N]()] = ls
		}
		ls.routes = append(ls.routes, r)
	})
	var zero N
	if e, ok := any(zero).(eventNotification); ok {
		b.eventTypes[e.eventType()] = fmt.Sprintf("an On handler for %v", t)
		b.after[e.eventType()] = func(m *Mediator) afterFunc { return e.publisher(m) }
	}
}

// SetStrategy sets how the handlers of notification N run, in place of Config.Strategy.
func SetStrategy[N any](b *Builder, s Strategy) { b.strategies[reflect.TypeFor[N]()] = s }
