package application

import (
	"context"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// Repository loads and saves the aggregates of one type, A a pointer to the struct. Two styles fit: relational rows
// written beside the events, and events alone ([EventSourced]). Safe for concurrent use.
type Repository[A domain.Aggregate] interface {
	// Load returns the aggregate at its stored version (domain.Restore, domain.Replay), or *domain.NotFoundError. tx is
	// nil outside a transaction, where Load is a single statement and holds nothing afterwards; within one it reads
	// through tx.
	Load(ctx context.Context, tx eventlog.Tx, id string) (A, error)

	// Save writes the state of aggregates that recorded events, in as few statements as it can, through tx: an insert
	// where domain.Stored is 0, else an update of the row at version domain.Stored to Version. *domain.ConflictError
	// when a row isn't at that version. The events themselves are appended by the unit of work, after Save.
	Save(ctx context.Context, tx eventlog.Tx, changed []A) error
}
