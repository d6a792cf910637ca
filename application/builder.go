package application

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/reading"
)

// Config is what a mediator needs besides handlers. The zero value serves queries and notifications; commands need a
// Store.
type Config struct {
	Store    eventlog.Store                // where units of work commit
	Codec    func(codec.Codec) codec.Codec // wraps the JSON codec, to encrypt for instance; nil leaves it as it is
	Now      func() time.Time              // nil: time.Now
	NewID    func() uuid.UUID              // nil: random UUIDs of version 7
	Retries  int                           // how often a command that met a conflict runs again; 0 means 3, below 0 never
	Strategy Strategy                      // of notifications without one of their own, see [SetStrategy]
	Models   *reading.Models               // what queries wait for that must see what was written; nil: nobody can wait
	Logger   *slog.Logger                  // told of errors in after-commit handlers; nil: slog.Default()
}

// Builder collects handlers, aggregates and event names while the program is wired. Not safe for concurrent use.
type Builder struct {
	kernel *kernel
	cfg    Config
	chain  []Behaviour
	errs   []error

	requests   map[reflect.Type]func(*Mediator)           // puts the route into the mediator
	streams    map[reflect.Type]func(*Mediator)           //
	listening  map[reflect.Type]*listening                // by notification type
	strategies map[reflect.Type]Strategy                  // by notification type
	eventTypes map[reflect.Type]string                    // events that Before and On handlers name, with who names them
	after      map[reflect.Type]func(*Mediator) afterFunc // by event type
	bindings   []func(*Mediator) error
	commands   []string
	reads      []reads
}

// listening is a notification type with its handlers, before the chain is known.
type listening struct {
	handlers int
	build    []func(m *Mediator, s Strategy, chain []Behaviour)
}

// NewBuilder returns an empty builder.
func NewBuilder(cfg Config) *Builder {
	return &Builder{
		kernel: newKernel(cfg), cfg: cfg,
		requests: make(map[reflect.Type]func(*Mediator)), streams: make(map[reflect.Type]func(*Mediator)),
		listening: make(map[reflect.Type]*listening), strategies: make(map[reflect.Type]Strategy),
		eventTypes: make(map[reflect.Type]string), after: make(map[reflect.Type]func(*Mediator) afterFunc),
	}
}

// Codec returns the codec of the events registered with [Event], for projections and other readers of the log.
func (b *Builder) Codec() codec.Codec { return b.kernel.codec }

// CodecOf returns a codec of other types than those registered with [Event], for readers that have their own structs. It is
// wrapped as Config.Codec says.
func (b *Builder) CodecOf(t *codec.Types) codec.Codec { return b.cfg.codec(t) }

func (c *Config) codec(t *codec.Types) codec.Codec {
	json := codec.JSON{Types: t}
	if c.Codec == nil {
		return json
	}
	return c.Codec(json)
}

// Knows reports whether [Event] has registered an event type under that name.
func (b *Builder) Knows(eventType string) bool { return b.kernel.types.Knows(eventType) }

// Use adds behaviours inside those added before. They run around all handlers, also those registered earlier.
func (b *Builder) Use(behaviours ...Behaviour) { b.chain = append(b.chain, behaviours...) }

// Handle registers the handler of command C: it runs in a [Unit] of work that commits when it returns nil.
func Handle[C Request[R], R any](b *Builder, h func(context.Context, *Unit, C) (R, error)) {
	b.commands = append(b.commands, reflect.TypeFor[C]().String())
	addRoute(b, newRoute(KindCommand, inUnit(b.kernel, h)))
}

// Answer registers the handler of query Q: no unit of work, no transaction. from names the read models that it reads, if any:
// under [WithWait] it waits for them, which [Builder.Build] checks that it can.
func Answer[Q Request[R], R any](b *Builder, h func(context.Context, Q) (R, error), from ...string) {
	if len(from) > 0 {
		b.reads = append(b.reads, reads{query: reflect.TypeFor[Q]().String(), from: from})
		h = awaited(b, from, h)
	}
	addRoute(b, newRoute(KindQuery, h))
}

func addRoute[C, R any](b *Builder, r *route[C, R]) {
	t := reflect.TypeFor[C]()
	if _, taken := b.requests[t]; taken {
		b.errs = append(b.errs, fmt.Errorf("%v has two handlers", t))
		return
	}
	b.requests[t] = func(m *Mediator) {
		r.chain = b.chain
		m.routes[keyOf[C]()] = r
	}
}

// AnswerStream registers the handler of stream query Q, run by [Stream].
func AnswerStream[Q Request[R], R any](b *Builder, h func(context.Context, Q) iter.Seq2[R, error]) {
	t := reflect.TypeFor[Q]()
	if _, taken := b.streams[t]; taken {
		b.errs = append(b.errs, fmt.Errorf("%v has two stream handlers", t))
		return
	}
	b.streams[t] = func(m *Mediator) { m.streams[keyOf[Q]()] = &streamRoute[Q, R]{chain: b.chain, handle: h} }
}

// Build returns the mediator, or all that is missing or double, joined: bound requests without a handler, requests with
// two, events without a registered name, commands without a store, queries from read models that nobody can wait for. The builder isn't used afterwards.
func (b *Builder) Build() (*Mediator, error) {
	errs := append(slices.Clone(b.errs), b.kernel.types.Err(), b.checkReads())
	if len(b.commands) > 0 && b.cfg.Store == nil {
		errs = append(errs, fmt.Errorf("commands %v need a Config.Store", b.commands))
	}
	for t, who := range b.eventTypes {
		if _, _, err := b.kernel.types.NameOf(reflect.Zero(t).Interface()); err != nil {
			errs = append(errs, fmt.Errorf("%s is given an event that nothing registers: %w", who, err))
		}
	}
	m := &Mediator{
		routes: make(map[typeKey]any), streams: make(map[typeKey]any), notifications: make(map[typeKey]any),
	}
	b.chain = slices.Clip(b.chain)
	for _, add := range b.requests {
		add(m)
	}
	for _, add := range b.streams {
		add(m)
	}
	for t, l := range b.listening {
		s, ok := b.strategies[t]
		if !ok {
			s = b.cfg.Strategy
		}
		for _, add := range l.build {
			add(m, s, b.chain)
		}
	}
	for t, after := range b.after {
		b.kernel.after[t] = after(m)
	}
	for _, bind := range b.bindings {
		errs = append(errs, bind(m))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("build mediator: %w", err)
	}
	return m, nil
}
