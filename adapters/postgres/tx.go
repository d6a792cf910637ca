package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"

	"github.com/tenon-go/tenon/application/eventlog"
)

// Tx is a transaction on the log and all other tables. Not safe for concurrent use.
type Tx struct {
	db      *DB
	tx      *sqlx.Tx
	release context.CancelFunc
	done    bool
	raise   bool // whether readers are to be woken
	begun   *begun
	fixed   bool // REPEATABLE READ: it doesn't see what others commit
	proof   proof
}

var _ eventlog.Tx = (*Tx)(nil)

// xid returns the transaction's own, or nothing when the server hasn't begun it or that isn't known.
func (t *Tx) xid() string {
	if t.begun == nil {
		return ""
	}
	return t.begun.xid
}

// Commit makes the transaction durable. A context that has ended before gives a rollback and the context's error; one
// that ends while the commit is on its way changes nothing. When the connection breaks the server is asked, for up to
// five seconds, what became of the transaction: not stored gives eventlog.ErrUnavailable, no answer
// eventlog.ErrOutcomeUnknown. So does, at once, a transaction that neither appended nor moved a checkpoint.
func (t *Tx) Commit(ctx context.Context) error {
	if t.done {
		return sql.ErrTxDone
	}
	if err := ctx.Err(); err != nil {
		return errors.Join(err, t.Rollback())
	}
	t.done = true
	err := t.tx.Commit()
	t.release()
	if err != nil {
		err = t.explain(ctx, err)
	}
	if t.raise && (err == nil || errors.Is(err, eventlog.ErrOutcomeUnknown)) {
		t.db.signal.Raise()
	}
	return err
}

// Rollback gives the transaction up. After Commit or Rollback it does nothing; so it does on a connection that broke,
// where the server gives it up.
func (t *Tx) Rollback() error {
	if t.done {
		return nil
	}
	t.done = true
	err := t.tx.Rollback()
	t.release()
	if err == nil || isBroken(err) {
		return nil
	}
	return fmt.Errorf("roll back: %w", err)
}
