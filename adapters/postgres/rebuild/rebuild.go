// Package rebuild keeps several versions of a projection beside each other in PostgreSQL: one that readers see, one that is
// being built from the log, those that are kept to go back to.
//
// A projection names the views through which its tables are read (projection.Projection.Tables). The rows of version n are in
// tables of their own, projection.TableName(view, n), and one transaction turns the views from one version to another: readers see
// one or the other, each complete. [Feed] runs one version of a projection in a program: it builds the version if it is new,
// hands it over to Kafka once it is there, obeys pauses. [Versions] is what is stored and what people decide.
//
// That an event comes twice has no effect in any projection (projection.Repeats): a version begins at the log's beginning and goes
// on from the offsets that Kafka had before a moment up to which it has read the log. See docs/adr/0009.
package rebuild

import (
	"errors"
	"time"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
)

// State is what a version is for.
type State string

// The states.
const (
	Building State = "building" // it isn't complete yet; nobody reads it
	Serving  State = "serving"  // readers see it
	Kept     State = "kept"     // complete and fed, to go back to
)

// Source is what feeds a version.
type Source string

// The sources.
const (
	Kafka Source = "kafka"
	Log   Source = "log"
)

// Version is a version of a projection as it is stored.
type Version struct {
	Projection string
	Number     int
	State      State
	Source     Source
	TakesOver  bool // whether it serves by itself once it is built
	Tables     []string
	UpTo       int64 // greatest position of the log when it began
	BegunAt    time.Time
	ServedAt   time.Time // zero: never
	FailedAt   time.Time // zero: never, or it goes on again
	LastError  string
}

var (
	// ErrRefused says that a program has another version than the one that serves, and that nobody has begun to build it.
	ErrRefused = errors.New("version of the program isn't in force")
	// ErrNoVersion says that no such version is there.
	ErrNoVersion = errors.New("no such version of the projection")
	// ErrNotReady says that a version can't serve now: it is behind, or it has parked what the serving one has applied.
	ErrNotReady = errors.New("version isn't ready to serve")
)

// Versions stores the versions of projections. Safe for concurrent use.
type Versions struct {
	db  *postgres.DB
	log *postgres.LaneLog
}

// NewVersions returns the versions in db.
func NewVersions(db *postgres.DB) *Versions {
	return &Versions{db: db, log: postgres.NewLaneLog(db)}
}

// place returns what a cursor has passed whole.
func place(text string) (postgres.Snapshot, error) {
	c, err := postgres.ParseCursor(eventlog.Cursor(text))
	return c.Before, err
}
