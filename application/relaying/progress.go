package relaying

import (
	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
)

// Progress is how far a lane is. A [Target] stores it together with the records that led to it.
type Progress struct {
	Log      uuid.UUID       // identity of the log
	Timeline string          // which history the log's server was on; changes with a failover or a restored backup
	Epoch    int64           // of the layout that the lane belongs to, see Layout
	Lane     Lane            //
	Cursor   eventlog.Cursor // where the lane goes on
	Batches  int64           // how many the lane has committed
	Last     Mark            // newest record that is out; on a new layout the newest of the old one; zero: none
	Closed   bool            // the layout has ended: nobody may go on from here
}

// Mark names a record of the log, so that a log that was set back can be told from the one that was read.
type Mark struct {
	Position int64
	Event    uuid.UUID
}

// IsZero reports whether the mark names no record.
func (m Mark) IsZero() bool { return m.Position == 0 }

// State is what a target knows about a lane.
type State struct {
	Progress Progress
	Parked   []Parked // in no particular order
}

// IsNew reports whether nothing was ever committed for the lane.
func (s *State) IsNew() bool { return s.Progress.Log == uuid.UUID{} }
