package relaying

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
)

// ErrLogChanged says that the log isn't the one that a lane's progress was made on: restored from an older backup,
// loaded into another server, or another log altogether. Going on could lose or repeat events, so a person must decide;
// the text says what was found and which command resolves it.
var ErrLogChanged = errors.New("the log is not the one that was relayed")

// Identity tells one log, and one history of it, from another.
type Identity struct {
	Log      uuid.UUID // made with the log's schema
	Timeline string    // changes when its server is promoted or restored from a backup
}

// Log is what a relay reads. Safe for concurrent use. Errors wrap eventlog.ErrUnavailable while waiting may help.
type Log interface {
	// Identify returns which log this is.
	Identify(ctx context.Context) (Identity, error)

	// Verify returns nil when the log still is the one that p was made on: same identity, its last record there, none of its
	// snapshots in the future, and if the timeline changed, that record as the proof that nothing was lost. Else an error
	// that wraps [ErrLogChanged].
	Verify(ctx context.Context, p Progress) error

	// Read returns the lane's page after a cursor. Along a chain of cursors each of the lane's committed records appears
	// once, as eventlog.Reader says. It reads on the primary only.
	Read(ctx context.Context, q Query) (Page, error)

	// Withheld returns records of one key, in order, that one cursor has passed and another one hasn't, from a position on.
	Withheld(ctx context.Context, q WithheldQuery) ([]eventlog.Record, error)
}

// Query asks for a page of a lane.
type Query struct {
	Lane    Lane
	After   eventlog.Cursor
	Records int // at most so many, 1 or more
	Bytes   int // of payload at most, unless the first record alone is larger; 1 or more

	// Within opens no window: when After is between two, the page is empty and its Next is After.
	Within bool
}

// Page is a run of a lane's records.
type Page struct {
	Records []eventlog.Record // in the order to be handled; owned by the caller
	Next    eventlog.Cursor   // where to go on when all of Records are handled
	More    bool              // whether Next may have records already: ask again without waiting
	Between bool              // whether Next is between two windows: all that was committed before a moment is read
}

// WithheldQuery asks for records of a parked key.
type WithheldQuery struct {
	Key     Key
	From    int64           // least position
	After   eventlog.Cursor // only what this cursor hasn't passed
	Passed  eventlog.Cursor // only what this cursor has passed
	Records int             // at most so many, 1 or more
	Bytes   int             // of payload at most, unless the first record alone is larger
}

// Boundary draws one line through the log for all lanes, where a layout ends and the next begins.
type Boundary interface {
	// Freeze returns a cursor between windows that has passed everything that any of the given cursors, all between
	// windows, has passed, and everything that is committed now.
	Freeze(ctx context.Context, held []eventlog.Cursor) (eventlog.Cursor, error)

	// Until returns the cursor c, which is between windows, inside a last window that ends where final is. One that is
	// inside a window that final has passed comes back as it is. Reading on leads to a Page that is Between, at final or
	// where Until is asked again; what is committed after final isn't read.
	Until(ctx context.Context, c, final eventlog.Cursor) (eventlog.Cursor, error)
}
