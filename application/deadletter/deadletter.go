// Package deadletter is the contract of what projections couldn't apply. An event that fails is parked, and with it every
// later event of its aggregate, in order: a sequence, see [Key]. All other aggregates go on.
//
// [Parking] is what a projection's runner does with it, [Replaying] what a replay does, [Finder] and [Desk] are for people.
// The sequences are in the database of the projection's checkpoints and change in its transactions, so that an event is
// either applied or parked, never both and never neither. Adapters: memory, postgres.
package deadletter

import (
	"cmp"
	"context"
	"errors"

	"github.com/tenon-go/tenon/application/eventlog"
)

// ErrNotParked says that nothing is parked under a key or an id: never, or not any more.
var ErrNotParked = errors.New("nothing is parked under this")

// Place is a partition as one version of a projection reads it.
type Place struct {
	Projection string
	Version    int
	Topic      string
	Partition  int32
}

// Key names a sequence: an aggregate at a place. A record that names no aggregate is one by the key of its record, with an
// empty type.
type Key struct {
	Place

	AggregateType string
	AggregateID   string
}

// Compare orders keys; sequences are locked in this order.
func (k Key) Compare(o Key) int {
	return cmp.Or(
		cmp.Compare(k.Projection, o.Projection), cmp.Compare(k.Version, o.Version), cmp.Compare(k.Topic, o.Topic),
		cmp.Compare(k.Partition, o.Partition), cmp.Compare(k.AggregateType, o.AggregateType), cmp.Compare(k.AggregateID, o.AggregateID),
	)
}

// Parking is what the owner of a partition does. Only it begins sequences at its place, in the transaction that moves the
// place's checkpoint. Safe for concurrent use.
type Parking interface {
	// Sequences returns the keys that are parked at a place. Read after the checkpoint, the answer is too large at worst.
	Sequences(ctx context.Context, p Place) ([]Key, error)
	// Hold locks those of the sequences that are there until tx ends, so that no replay can finish them meanwhile, and
	// returns them. A replay in hand is waited for, briefly: then the error wraps eventlog.ErrTransient.
	Hold(ctx context.Context, tx eventlog.Tx, keys []Key) ([]Key, error)
	// Park puts events at the ends of their sequences, in the order given, and begins sequences that aren't there. ID is
	// assigned. What was there must have been held in tx. No events: no effect.
	Park(ctx context.Context, tx eventlog.Tx, events []Event) error
}

// Replaying is what a replay does, in the transaction in which it applies events. Safe for concurrent use.
type Replaying interface {
	// Take locks a sequence against everybody else until tx ends and returns its events behind the one with id after, at
	// most so many, in order. ErrNotParked when it isn't there.
	Take(ctx context.Context, tx eventlog.Tx, k Key, after int64, most int) ([]Event, error)
	// Done removes events of a sequence that tx has taken, and the sequence with its last. It records the decision for each.
	Done(ctx context.Context, tx eventlog.Tx, k Key, ids []int64, d Decision) error
	// Failed notes in a transaction of its own that an event has failed again. No such event: no effect.
	Failed(ctx context.Context, id int64, f Failure) error
}

// Finder shows what is parked. Safe for concurrent use.
type Finder interface {
	// Events returns the events that the filter lets through, with ids above after, by rising id, at most so many.
	Events(ctx context.Context, f Filter, after int64, most int) ([]Event, error)
	// Keys returns the sequences that hold such events, those first that have been parked longest.
	Keys(ctx context.Context, f Filter) ([]Key, error)
	// Counts returns a line for each version of a projection that has something parked, by name and version.
	Counts(ctx context.Context) ([]Count, error)
}

// Desk takes people's decisions about single events. Replays in hand are waited for. Safe for concurrent use.
type Desk interface {
	// Edit gives an event another payload to be applied; the original is kept. ErrNotParked when there is no such event.
	Edit(ctx context.Context, id int64, payload []byte, d Decision) error
	// Discard gives an event up for good: it is never applied. The others of its sequence stay parked until they are
	// replayed; with the last event goes the sequence. ErrNotParked when there is no such event.
	Discard(ctx context.Context, id int64, d Decision) error
	// Actions returns what was decided, newest first, at most so many.
	Actions(ctx context.Context, most int) ([]Action, error)
}
