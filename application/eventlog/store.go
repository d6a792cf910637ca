package eventlog

import (
	"context"
	"errors"

	"github.com/tenon-go/tenon/domain"
)

// ErrUnavailable says that the store or broker can't be reached or is refusing work for now: nothing is wrong with the
// request. Loops wait with backoff and try again; a port answers "try later".
var ErrUnavailable = errors.New("unavailable")

// ErrTransient says that the store gave a transaction up for the sake of another one (deadlock, serialization failure).
// Nothing was stored; running it again is right.
var ErrTransient = errors.New("given up for another transaction")

// ErrOutcomeUnknown says that the connection broke during commit and the store couldn't be asked in time what became of
// it. The unit may have been stored or not: look before doing it again.
var ErrOutcomeUnknown = errors.New("outcome of the commit unknown")

// Store opens transactions on the database that holds the log and the contexts' state. Safe for concurrent use.
type Store interface {
	// Begin opens a transaction, READ COMMITTED or stronger. The caller ends it with Commit or Rollback.
	Begin(ctx context.Context) (Tx, error)
}

// Tx is one transaction: everything written through it becomes visible at once, or never. Repositories and projections
// of the same adapter find their own handle in it. Not safe for concurrent use.
type Tx interface {
	// Append writes the records at the end of the log in the order given, in one round trip. A version that is taken
	// gives *domain.ConflictError, after which the transaction can only be rolled back. Position is assigned by the log
	// and not reported. The log doesn't keep the slices after it returns. No records: no effect.
	Append(ctx context.Context, records []Record) error

	// Guard makes the commit depend on aggregates that were only read: it returns *domain.ConflictError when one of
	// them isn't at its version, and until the transaction ends nobody can append to them. No heads: no effect.
	Guard(ctx context.Context, heads []Head) error

	// Commit makes it durable. After an error nothing was stored, unless it is ErrOutcomeUnknown. A lost answer is
	// looked up before it is reported.
	Commit(ctx context.Context) error

	// Rollback gives it up. After Commit or Rollback it does nothing, so that it can be deferred.
	Rollback() error
}

// Finisher is what a [Tx] may offer besides: the end of a unit in one round trip.
type Finisher interface {
	// Finish appends the records and commits; what is said of [Tx.Append] and [Tx.Commit] holds for it too. After an error
	// the transaction is over. When ctx ends on the way, the error is ctx's only if nothing was stored. No records: a commit.
	Finish(ctx context.Context, records []Record) error
}

// Head is an aggregate at a version.
type Head struct {
	Type    string
	ID      string
	Version domain.Version
}
