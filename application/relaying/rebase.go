package relaying

import (
	"context"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
)

// Viewer shows what a [Target] has without taking anything. Safe for concurrent use.
type Viewer interface {
	// View returns what was committed last for the lane, the zero State if nothing was. Whoever has the lane isn't disturbed,
	// and may have gone on since.
	View(ctx context.Context, log uuid.UUID, lane int) (State, error)
}

// Copies keeps what was last reported of each lane's state beside its target. Safe for concurrent use.
type Copies interface {
	// Load returns the copy of a lane's state, the zero State if there is none. It may be older than what is in the target.
	Load(ctx context.Context, log uuid.UUID, lane int) (State, error)
}

// Survey looks at a place in the log for people who decide where a relay goes on. Safe for concurrent use.
type Survey interface {
	// Newest returns the newest record that the cursor has passed, of any lane; the zero Mark when it has passed none.
	Newest(ctx context.Context, passed eventlog.Cursor) (Mark, error)

	// Left counts the lane's committed records that the cursor hasn't passed, and stops at most.
	Left(ctx context.Context, lane Lane, at eventlog.Cursor, most int) (Lag, error)
}

// Rebase is a person's decision where lanes go on, for the record.
type Rebase struct {
	Identity Identity // of the log when this was decided
	Epoch    int64    // of the layout whose lanes are meant
	To       string   // the choice
	By       string   // who decided; required
	Reason   string   // why; required
}
