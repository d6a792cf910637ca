package projection

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// Fold gathers what a batch changes. One is made for each attempt at a batch and used by one goroutine: Load, then the
// handler of each event in turn, then Store. Keep what handlers change in memory, so that a batch costs a statement or two
// and not one for each event.
type Fold interface {
	// Load reads what the handlers will need, given the whole batch.
	Load(ctx context.Context, tx eventlog.Tx, batch []Event) error
	// Store writes what the handlers changed.
	Store(ctx context.Context, tx eventlog.Tx) error
}

// Of is an event as its handler gets it: the body as the type that the handler asks for, and what was recorded with it.
// The record is shared: don't change it.
type Of[E any] struct {
	*eventlog.Record

	Event E
}

// Declaration is a [Projection] in the making: [Declare] begins it, [On] adds handlers. Not safe for concurrent use; what
// [Declaration.Projection] returns is.
type Declaration[F Fold] struct {
	name     string
	version  int
	topics   []string
	begin    func() F
	events   *codec.Types
	types    []string
	handlers map[string]func(F, *Event) error
	repeats  Repeats
	reached  func(context.Context, eventlog.Tx, []string) (map[string]domain.Version, error)
	tables   []string
}

// Declare begins a projection by name, version and the topics that it reads, as [Projection] explains them. begin makes the
// fold of a batch.
//
//	p := projection.Declare("revenue", 1, newRevenue, "domain.order.events")
//	projection.On(p, "order.created", func(r *revenue, e projection.Of[Created]) error { ... })
//	w.Project(p.Projection())
func Declare[F Fold](name string, version int, begin func() F, topics ...string) *Declaration[F] {
	return &Declaration[F]{
		name: name, version: version, topics: topics, begin: begin,
		events: new(codec.Types), handlers: make(map[string]func(F, *Event) error),
	}
}

// On adds the handler of an event type, whose payload decodes into E, at schema version 1. E is the reader's own: a struct with
// the fields that it needs, whatever the publisher's looks like. An error of a handler fails the batch, see [Runner]. A type
// that is handled twice is reported by the runner that is made of the projection, a nil handler panics.
func On[E any, F Fold](d *Declaration[F], eventType string, handle func(F, Of[E]) error) {
	OnSchema(d, eventType, 1, handle)
}

// OnSchema is [On] for events of which E is the form of a later schema version. [codec.Upcast] on [Declaration.Events] brings
// older ones to it; newer ones can't be decoded.
func OnSchema[E any, F Fold](d *Declaration[F], eventType string, schema int, handle func(F, Of[E]) error) {
	if handle == nil {
		panic(fmt.Sprintf("projection: %s has a nil handler of %s", d.name, eventType))
	}
	codec.Register[E](d.events, eventType, schema)
	d.types = append(d.types, eventType)
	d.handlers[eventType] = func(f F, e *Event) error {
		body, ok := e.Event.(E)
		if !ok {
			return fmt.Errorf("event %s of type %q came as %T, want %T", e.ID, e.Type, e.Event, body)
		}
		return handle(f, Of[E]{Record: &e.Record, Event: body})
	}
}

// Events returns the declaration's table of event types, for upcasters.
func (d *Declaration[F]) Events() *codec.Types { return d.events }

// AllowRepeats says that the fold takes care of events that come again, as [Rows] do: see [Allowed].
func (d *Declaration[F]) AllowRepeats() { d.repeats = Allowed }

// Reached says how far rows are that know their versions, as [Versions] does: see [Projection].
func (d *Declaration[F]) Reached(how func(ctx context.Context, tx eventlog.Tx, ids []string) (map[string]domain.Version, error)) {
	d.reached = how
}

// Keeps names the views through which readers see the rows, "orders.order_list"; the fold writes to the tables [TableName] of them and
// the version. A changed version is then built beside the one that serves, see [Projection].
func (d *Declaration[F]) Keeps(views ...string) { d.tables = append(d.tables, views...) }

// Projection returns what was declared. Handlers that are added later don't count.
func (d *Declaration[F]) Projection() Projection {
	fixed := *d
	fixed.handlers = maps.Clone(d.handlers)
	return Projection{
		Name: d.name, Version: d.version, Topics: slices.Clone(d.topics), Types: slices.Clone(d.types), Events: d.events,
		Repeats: d.repeats, Reached: d.reached, Tables: slices.Clone(d.tables), Apply: fixed.apply,
	}
}

func (d *Declaration[F]) apply(ctx context.Context, tx eventlog.Tx, batch []Event) error {
	if len(batch) == 0 {
		return nil
	}
	f := d.begin()
	if err := f.Load(ctx, tx, batch); err != nil {
		return fmt.Errorf("load rows of %s: %w", d.name, err)
	}
	for i := range batch {
		e := &batch[i]
		handle, ok := d.handlers[e.Type]
		if !ok {
			return fmt.Errorf("event %s of type %q (%T) has no handler in %s", e.ID, e.Type, e.Event, d.name)
		}
		if err := handle(f, e); err != nil {
			return fmt.Errorf("%s, version %s of %s: %w", e.Type, e.Version, e.AggregateID, err)
		}
	}
	if err := f.Store(ctx, tx); err != nil {
		return fmt.Errorf("store rows of %s: %w", d.name, err)
	}
	return nil
}
