// Package relaying is the contract of the relay, which carries the log to a broker: [Relay], the header names that
// every relay writes ([Headers]) and readers understand ([Parse]).
//
// Whatever the implementation: every committed record is published, no record of a rolled-back transaction is, and
// within a key and a topic the order is that of the log. How often a record may appear is the implementation's to say:
// at least once, or exactly once to a read_committed consumer. Implementations: adapters/relay, adapters/memory; suite:
// applicationtest.Relay.
package relaying

import "context"

// Relay publishes the log until it is told to stop.
type Relay interface {
	// Run publishes until ctx ends, then finishes or gives up what is in hand, releases what it holds and returns nil.
	// Outages of the log or of the broker don't end it: it waits with backoff. An error means that it can't go on
	// without a person. Call it once.
	Run(ctx context.Context) error

	// Health returns nil while records flow or there are none to publish, else what is wrong and since when. Safe for
	// concurrent use, also before Run.
	Health() error
}

// Failures notes which record a relay can't publish at present, for the operators' outbox view. The note is no part of
// the delivery: losing one loses no record.
type Failures interface {
	// Failed notes that attempt n at publishing the record at position ended in err. n = 0: the record is out; the note
	// goes away.
	Failed(ctx context.Context, position int64, n int, err error) error
}
