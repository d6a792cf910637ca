package relaying

import (
	"context"
	"errors"
	"time"

	"github.com/tenon-go/tenon/application/eventlog"
)

// ErrProgressLost says that a lane was relayed before, but its target doesn't know how far. Going on could repeat or lose
// events, so a person must decide; the text says which command resolves it.
var ErrProgressLost = errors.New("the lane's progress was lost")

// Board is where a relay shows people how far it is, and where people leave requests. Nothing on it decides what is
// published: a report that is lost loses no record. Safe for concurrent use.
type Board interface {
	// Origin returns where a lane begins that its target knows nothing of: at the beginning of a new log, or where an
	// older relay of this log stopped. When the board shows that the lane was relayed before, its progress was lost in
	// the target: the error wraps [ErrProgressLost].
	Origin(ctx context.Context, lane int) (eventlog.Cursor, error)

	// Report stores what happened on the lanes since their last reports. Reports that are older than what is stored,
	// by epoch and batches, do nothing.
	Report(ctx context.Context, reports []Report) error

	// Requests returns the open requests for keys in the given lanes of so many, oldest first.
	Requests(ctx context.Context, lanes []int, of int) ([]Request, error)

	// Done closes a request with its outcome, "" for success.
	Done(ctx context.Context, id int64, outcome string) error
}

// Report is what happened on a lane since the last one.
type Report struct {
	Node     string
	Progress Progress
	Spans    []Span        // what was published, oldest first; adjoining ones may be merged
	Commit   time.Duration // that the target took to commit the newest batch with records; 0: there was none

	Parked []Parked // all keys that are parked now, if ParkedChanged
	// ParkedChanged says that Parked replaces what the board shows of the lane.
	ParkedChanged bool
}

// Span is a run of records of a lane that are out: those after one cursor up to another.
type Span struct {
	From, To eventlog.Cursor
	Records  int   // published
	Highest  int64 // greatest position among the records that were passed, those that are held back too; 0: not known, or none was
}
