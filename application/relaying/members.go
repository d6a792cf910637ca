package relaying

import (
	"context"
	"time"

	"github.com/tenon-go/tenon/application/eventlog"
)

// Layout is the division of the log into lanes that is in force. Each change makes a new epoch.
type Layout struct {
	Epoch int64 // from 1
	Lanes int   // 1 to MaxLanes

	// Next is the number of lanes that is being changed to, 0 for none. Then every lane stops at the end of its window and
	// says so by Hold. When all have, Final is set; every lane reads up to it, stores Closed in its target and says so by
	// Close. When all have, the next layout's lanes are given their first progress and Advance makes them the ones in force.
	Next  int
	Final eventlog.Cursor
}

// Assignment is what a node has to do until its next beat.
type Assignment struct {
	Layout Layout
	Lanes  []int // that the node may relay until its lease ends, ascending
	Nodes  int   // alive now

	// Held and Closed are reported while the layout changes: by lane of Layout.Lanes, where it stopped ("" if it
	// hasn't), and whether it has stored Closed.
	Held   []eventlog.Cursor
	Closed []bool
}

// Members is where the relays of all nodes agree on who relays which lane. It only spares them from fighting: safety is
// the target's, which fences whoever had a lane before. Times are by one clock, that of the store. Safe for concurrent
// use.
type Members interface {
	// Beat renews the node's leases, takes free or expired ones up to a fair share, gives back what is above it, and
	// returns what the node has then. A lane that is missing from the result must be stopped at once. Leases last for the
	// given time from the moment of the call. The first beat of a new log makes the layout with the given number of lanes.
	Beat(ctx context.Context, node string, lanes int, lease time.Duration) (Assignment, error)

	// Leave gives all of the node's leases back, for others to take at once.
	Leave(ctx context.Context, node string) error
}

// Layouts changes the number of lanes while relays run: see [Layout] for the steps. Each call names the epoch that it
// is about and does nothing when another one is in force. Safe for concurrent use.
type Layouts interface {
	// Change asks for another number of lanes. An error while an earlier change is under way.
	Change(ctx context.Context, lanes int) error
	// Hold notes that a lane opens no further window until Final is set, and where it stopped.
	Hold(ctx context.Context, epoch int64, lane int, at eventlog.Cursor) error
	// Freeze sets Final, unless it is set already.
	Freeze(ctx context.Context, epoch int64, final eventlog.Cursor) error
	// Close notes that a lane has stored Closed.
	Close(ctx context.Context, epoch int64, lane int) error
	// Advance makes the next layout the one in force. Its lanes must have their first progress.
	Advance(ctx context.Context, epoch int64) error
}
