package relaying

import (
	"context"

	"github.com/google/uuid"
)

// Store keeps lanes' progress and parked keys for a target that can't keep them itself, such as a Watermill publisher.
// What it holds decides where a lane goes on. It can't be written together with the records: they are published first,
// so a batch whose Save fails may be published again, by whoever takes the lane. Nor does loading fence anybody: of two
// who carry one lane both may publish a batch, and one of them is told at Save. At least once. Safe for concurrent use.
type Store interface {
	// Load returns what was saved last for the lane, the zero State if nothing was.
	Load(ctx context.Context, log uuid.UUID, lane int) (State, error)

	// Save stores the batch's progress and what it parks and releases, both or neither; the records aren't kept. It
	// moves forward only: to the batch after the one stored, or from a closed layout into a later one. Else somebody
	// else has moved the lane: the error wraps [ErrFenced]. After any error the lane must be loaded again.
	Save(ctx context.Context, b Batch) error
}
