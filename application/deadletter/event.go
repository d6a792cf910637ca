package deadletter

import (
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/relaying"
)

// Reason says why an event was parked.
type Reason string

// The reasons.
const (
	Refused     Reason = "refused"     // the handler returned an error, a broken constraint among them
	Panicked    Reason = "panicked"    // the handler or the codec panicked
	TimedOut    Reason = "timed out"   // the handler took too long
	Undecodable Reason = "undecodable" // headers or payload aren't an event's
	Unknown     Reason = "unknown"     // of a type or schema version that the program doesn't know
	Behind      Reason = "behind"      // an earlier event of its aggregate is parked
)

// Reasons returns all reasons.
func Reasons() []Reason { return []Reason{Refused, Panicked, TimedOut, Undecodable, Unknown, Behind} }

// Event is a parked event: the record as it came off its topic, and what happened to it.
type Event struct {
	Failure // the newest

	ID     int64 // names it for people; rises along a sequence
	Key    Key
	Offset int64

	RecordKey []byte
	Headers   []relaying.Header // all of them, in order; values may be any bytes
	Payload   []byte            // as it came; nil for a record without a value
	Edited    []byte            // what is applied in its place; nil: it wasn't edited

	EventID uuid.UUID // zero when the headers don't tell
	Type    string    // "" when the headers don't tell

	ParkedAt    time.Time
	FirstFailed time.Time // zero: it hasn't failed itself
	Attempts    int       // how often it was tried alone; 0: never
}

// Current returns the payload that is applied.
func (e *Event) Current() []byte {
	if e.Edited != nil {
		return e.Edited
	}
	return e.Payload
}

// Failure is what an attempt came to.
type Failure struct {
	Reason Reason
	Error  string
	Stack  string    // of a panic, or empty
	At     time.Time // zero: it hasn't failed itself
}

// Decision says who decided something, and why.
type Decision struct {
	By  string // 1 to 200 characters
	Why string // required to discard
}

// ActionKind is what was decided.
type ActionKind string

// The kinds of decision.
const (
	Replayed  ActionKind = "replay"
	EditedBy  ActionKind = "edit"
	Discarded ActionKind = "discard"
)

// Action is a decision about an event that was carried out.
type Action struct {
	Decision

	Kind    ActionKind
	Event   int64 // its ID
	Key     Key
	Offset  int64
	EventID uuid.UUID
	Payload []byte // what was to be applied before it was edited or discarded; nil for a replay
	At      time.Time
}

// Filter chooses events: by all that is set. The zero value lets everything through.
type Filter struct {
	IDs           []int64
	Projection    string
	Version       int
	Topic         string
	AggregateType string
	AggregateID   string
	Type          string
	Reason        Reason
}

// Count is how much is parked of a projection.
type Count struct {
	Projection string
	Version    int
	Sequences  int
	Events     int
	Oldest     time.Time // since when the oldest is parked
}
