package relaying

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
)

// ErrFenced says that somebody else has taken the lane: this session can't commit anything any more.
var ErrFenced = errors.New("another relay has taken the lane")

// Target is where records go, a batch at a time together with the lane's progress. Safe for concurrent use.
type Target interface {
	// Take makes the caller the lane's only publisher and returns what was committed last. When it returns, nobody who
	// took the lane before can commit, and nothing that they began is undecided. The zero State is that of a lane that
	// was never taken. The caller closes the session. An error that wraps eventlog.ErrUnavailable may pass by itself;
	// others need a person.
	Take(ctx context.Context, log uuid.UUID, lane int) (Session, State, error)
}

// Session is one taking of a lane. For one goroutine; Close may be called from any.
type Session interface {
	// Commit publishes the batch and stores its progress, both or neither, and returns when both are durable. Batches
	// come in the order of calls. After an error the outcome is unknown and the session is of no more use: the lane must
	// be taken again, which tells. The errors to test for: *[RefusedError], [ErrFenced], eventlog.ErrUnavailable. Commit
	// doesn't keep the batch's slices. It returns soon after ctx ends.
	Commit(ctx context.Context, b Batch) error

	// Close ends the session and frees what it holds; the lane stays as the last commit left it. A second call does
	// nothing.
	Close()
}

// Batch is a run of a lane's records in their order, and what is known once they are out.
type Batch struct {
	Records  []eventlog.Record // none: only progress is stored
	Progress Progress
	Park     []Parked // keys that are parked from now on, or anew with other values
	Release  []Key    // keys that aren't parked any more
}

// Refusal is a record that the target won't take however often it is sent: too large, a topic that it forbids.
type Refusal struct {
	Index int   // of the record in the batch
	Err   error // what the target said
}

// RefusedError says that nothing of the batch was published because of records that can't be. The others may be sent
// without them.
type RefusedError struct {
	Refusals []Refusal // at least one, ascending by Index
}

// Error names the first record that was refused.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("%d records refused, the first (number %d of the batch): %v", len(e.Refusals), e.Refusals[0].Index, e.Refusals[0].Err)
}

// Unwrap returns what was said about each record.
func (e *RefusedError) Unwrap() []error {
	errs := make([]error, len(e.Refusals))
	for i, r := range e.Refusals {
		errs[i] = r.Err
	}
	return errs
}
