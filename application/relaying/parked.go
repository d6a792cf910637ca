package relaying

import (
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
)

// Key names a sequence of records whose order matters: an aggregate's, or for messages the key that their sender chose,
// with an empty type.
type Key struct {
	AggregateType string
	AggregateID   string
}

// Parked is a key whose records are held back, because the first of them can't be published. Later ones are passed over
// without being sent: those from Position on that the lane's cursor has passed and After hadn't are the ones held back.
type Parked struct {
	Key

	Position int64     // of the first record that is held back
	Event    uuid.UUID // its id
	Topic    string    // where it should have gone
	Reason   string    // what the target said
	Since    time.Time // when the key was parked, UTC
	Attempts int       // how often its first record was refused

	// After is where the lane was before it came to the record. Of messages, whose positions and commits may disagree in
	// order, ones at later positions may be out by then. When a message that comes late to a parked key is refused too, and
	// before the key's first, After stays: messages in between that were sent since the key was parked are sent again. "":
	// the beginning, as older programs stored it.
	After eventlog.Cursor
}

// RequestKind says what somebody asks of the relay.
type RequestKind string

// The kinds of request.
const (
	RequestRetry RequestKind = "retry" // publish what is held back, from the first record on
	RequestSkip  RequestKind = "skip"  // give the first record up for good, then as retry
)

// Request is what somebody wants done with a parked key. The owner of the key's lane carries it out.
type Request struct {
	ID     int64
	Kind   RequestKind
	Key    Key
	Event  uuid.UUID // skip: the record to give up; if it isn't the first any more, nothing is skipped
	By     string    // who asked
	Reason string    // why; required for a skip
	At     time.Time
}
