package postgres

import (
	"context"

	"github.com/jmoiron/sqlx"
)

// A process that is stopped, or cut off, within a transaction keeps its locks until the server ends the session. The
// kernel's own transactions that others wait for consist of statements alone, so that they are never idle for long; any
// other one may wait for a broker or a handler, and is bounded by what connections begin with.
const (
	idleSQL      = `SET LOCAL idle_in_transaction_session_timeout = '5s'`
	idleFallback = "60s" // the Watermill relay keeps one open for up to its AckDeadline
)

// beginStatements begins a transaction that does nothing but run statements.
func (db *DB) beginStatements(ctx context.Context) (*sqlx.Tx, error) {
	tx, err := db.pool.BeginTxx(ctx, nil)
	if err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, idleSQL); err != nil {
		_ = tx.Rollback() // the server rolls back what it can't be told to
		return nil, err
	}
	return tx, nil
}
