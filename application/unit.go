package application

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// Unit is a unit of work: the aggregates that one command loaded or added, committed together in one transaction once
// the handler returned. Nothing is saved by hand: what recorded events is written, what was only read isn't. Not safe
// for concurrent use, and of no use after the handler returned.
type Unit struct {
	kernel   *kernel
	metadata Metadata
	now      time.Time
	tx       eventlog.Tx // set while Before handlers run

	tracked  []tracked
	index    map[trackedKey]int // into tracked
	demanded []eventlog.Head    // aggregates whose version the caller demanded
	messages []Message
	happened []happened
}

// tracked is an aggregate in a unit.
type tracked struct {
	kind      *aggregateKind
	aggregate domain.Aggregate
	collected int  // how many of its recorded events are in happened
	checked   bool // commit only if nobody else changed it
}

type trackedKey struct {
	kind *aggregateKind
	id   string
}

func newUnit(ctx context.Context, k *kernel) *Unit {
	u := &Unit{
		kernel: k, metadata: MetadataFrom(ctx), now: k.now().UTC().Truncate(time.Microsecond),
		index: make(map[trackedKey]int),
	}
	if u.metadata.CorrelationID == "" {
		u.metadata.CorrelationID = k.newID().String()
	}
	return u
}

// Now returns the time of the unit: the same at every call, UTC, whole microseconds as PostgreSQL keeps them.
func (u *Unit) Now() time.Time { return u.now }

// Tx returns the transaction inside [Before] handlers, for adapters to read and write through; nil elsewhere, no
// transaction being open yet.
func (u *Unit) Tx() eventlog.Tx { return u.tx }

// Get returns the aggregate of struct A with that id, loading it when the unit doesn't hold it yet: the same pointer at
// every call. With an [Expect] the stored version must meet it, or the error is *[PreconditionError] and the command
// isn't retried. Other errors: *domain.NotFoundError, eventlog.ErrUnavailable.
func Get[A any, PA interface {
	*A
	domain.Aggregate
}, ID ~string](ctx context.Context, u *Unit, id ID, expect ...Expect) (PA, error) {
	kind, ok := u.kernel.aggregates[reflect.TypeFor[PA]()]
	if !ok {
		return nil, fmt.Errorf("%v is not registered: call application.Register", reflect.TypeFor[A]())
	}
	a, err := load[PA](ctx, u, kind, string(id))
	if err != nil {
		return nil, err
	}
	for _, e := range expect {
		if !e.demanded {
			continue
		}
		stored := domain.Stored(a)
		u.demanded = append(u.demanded, eventlog.Head{Type: kind.name, ID: domain.IDOf(a), Version: stored})
		if err := e.check(kind.name, domain.IDOf(a), stored); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func load[PA domain.Aggregate](ctx context.Context, u *Unit, kind *aggregateKind, id string) (PA, error) {
	if i, ok := u.index[trackedKey{kind, id}]; ok {
		return u.tracked[i].aggregate.(PA), nil //nolint:errcheck,forcetypeassert // the kind is PA's
	}
	a, err := kind.repo.(Repository[PA]).Load(ctx, u.tx, id) //nolint:errcheck,forcetypeassert // registered for PA
	if err != nil {
		var none PA
		return none, fmt.Errorf("load %s %s: %w", kind.name, id, err)
	}
	u.track(kind, a, domain.IDOf(a))
	return a, nil
}

// Add puts a new aggregate under the unit. It panics when its type isn't registered, it has no id, or the unit holds
// another one with that id: mistakes in the program.
func Add(u *Unit, a domain.Aggregate) {
	kind, ok := u.kernel.aggregates[reflect.TypeOf(a)]
	id := domain.IDOf(a)
	_, taken := u.index[trackedKey{kind, id}]
	if !ok || id == "" || taken {
		panic(fmt.Sprintf("application: Add(%T %q): want a registered type (%t), an id, and no other such aggregate in the unit (%t)", a, id, ok, !taken))
	}
	u.track(kind, a, id)
}

func (u *Unit) track(kind *aggregateKind, a domain.Aggregate, id string) {
	u.index[trackedKey{kind, id}] = len(u.tracked)
	u.tracked = append(u.tracked, tracked{kind: kind, aggregate: a})
}

// Check makes the commit depend on an aggregate that the unit only reads: if it was changed since it was loaded, the
// unit conflicts. A unit that writes nothing has nothing to make depend. It panics when a isn't of this unit.
func (u *Unit) Check(a domain.Aggregate) {
	i, ok := u.index[trackedKey{u.kernel.aggregates[reflect.TypeOf(a)], domain.IDOf(a)}]
	if !ok {
		panic(fmt.Sprintf("application: Check(%T %q): not an aggregate of this unit", a, domain.IDOf(a)))
	}
	u.tracked[i].checked = true
}

// Message is something to publish that is no aggregate's event: committed with the unit, relayed in order per key,
// never folded.
type Message struct {
	Topic         string
	Key           string
	Type          string            // the event-type header
	SchemaVersion int               // 0 means 1
	Payload       any               // encoded as JSON; a json.RawMessage is kept byte for byte
	Metadata      map[string]string // stored, not published
}

// Publish adds m to the unit. A message without topic, key or type, or one that can't be encoded, fails the commit.
func (u *Unit) Publish(m Message) { u.messages = append(u.messages, m) }
