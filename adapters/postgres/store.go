package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"

	"github.com/tenon-go/tenon/application/eventlog"
)

var _ eventlog.Store = (*DB)(nil)

// Begin opens a transaction, READ COMMITTED: Guard depends on seeing what others committed meanwhile. The server begins it with
// its first statement. ctx bounds the wait for a connection and then has no hold on the transaction; the contexts of single
// calls stop those calls.
func (db *DB) Begin(ctx context.Context) (eventlog.Tx, error) {
	// database/sql rolls back when the context of BeginTx ends, also while a commit is on its way.
	held, release := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, release)
	b := new(begun)
	tx, err := db.pool.BeginTxx(context.WithValue(held, begunKey{}, b), &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if ended := !stop(); err != nil || ended {
		if err == nil {
			err = errors.Join(ctx.Err(), tx.Rollback())
		}
		release()
		return nil, Wrap(ctx, err)
	}
	return &Tx{db: db, tx: tx, release: release, begun: b}, nil
}

// Querier reads, in a transaction or outside. Rows must be closed before the next call on the same transaction.
type Querier interface {
	sqlx.QueryerContext
	GetContext(ctx context.Context, dest any, query string, args ...any) error
	SelectContext(ctx context.Context, dest any, query string, args ...any) error
}

var (
	_ Querier = (*sqlx.DB)(nil)
	_ Querier = (*sqlx.Tx)(nil)
)

// Querier returns tx, or the connections of the pool where tx is nil: what a repository's Load reads through. It panics
// like [SQL].
func (db *DB) Querier(tx eventlog.Tx) Querier {
	if tx == nil {
		return db.pool
	}
	return own(tx).querier()
}

// SQL returns the handle by which adapters of this database take part in tx. It panics when tx isn't a transaction of
// this package: the program was wired with another store than the adapter is for.
func SQL(tx eventlog.Tx) *sqlx.Tx { return own(tx).tx }

func own(tx eventlog.Tx) *Tx {
	t, ok := tx.(*Tx)
	if !ok {
		panic(fmt.Sprintf("postgres: %T is no transaction of a postgres.DB: give the application the DB that its adapters use", tx))
	}
	return t
}

// Reading returns what tables and [DB.Querier] read through without a transaction: what is committed, each statement by itself. It
// writes nothing: [SQL] has no handle for it.
func (db *DB) Reading() eventlog.Tx { return &Tx{db: db, done: true} }

// querier returns what a transaction reads through.
func (t *Tx) querier() Querier {
	if t.tx == nil {
		return t.db.pool
	}
	return t.tx
}
