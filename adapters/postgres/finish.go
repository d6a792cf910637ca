package postgres

import (
	"context"
	"database/sql"
	"errors"

	"github.com/tenon-go/tenon/application/eventlog"
)

var _ eventlog.Finisher = (*Tx)(nil)

// Finish appends the records and commits in one round trip. Errors are those of [Tx.Append] and [Tx.Commit]; the transaction is
// over after each of them. A context that ends on the way stops the append or changes nothing: the error says which.
func (t *Tx) Finish(ctx context.Context, records []eventlog.Record) error {
	if len(records) == 0 {
		return t.Commit(ctx)
	}
	if t.done {
		return sql.ErrTxDone
	}
	defer t.Rollback() //nolint:errcheck // another error is being returned, or it does nothing
	query, args, err := appending(records, lastAppendSQL, lastAppendOneSQL)
	if err != nil {
		return err
	}
	if err := t.open(ctx); err != nil {
		return err
	}
	t.proof = proof{xid: t.xid(), event: records[0].ID}
	_, err = t.tx.ExecContext(ctx, query, args...)
	if err != nil && !isUnsure(err) {
		return t.explainAppend(ctx, records, err)
	}
	if err == nil {
		err = t.tx.Commit() // sends nothing
		t.done = true
		t.release()
	}
	if err != nil {
		err = t.explainFinish(ctx, err)
	}
	if err == nil || errors.Is(err, eventlog.ErrOutcomeUnknown) {
		t.db.signal.Raise()
	}
	return err
}

// open begins the transaction on the server, if no statement did, so that its xid is known before the one that ends it.
func (t *Tx) open(ctx context.Context) error {
	if err := ctx.Err(); err != nil || t.xid() != "" {
		return err
	}
	if _, err := t.tx.ExecContext(ctx, openMark); err != nil {
		return Wrap(ctx, err)
	}
	return nil
}

// explainFinish gives up what is left of the transaction on this side, so that it ends on the other one, and asks.
func (t *Tx) explainFinish(ctx context.Context, err error) error {
	_ = t.Rollback() // an error says that the connection is broken, or that nothing was left to roll back
	if explained := t.lookUp(ctx, err); explained == nil || ctx.Err() == nil || errors.Is(explained, eventlog.ErrOutcomeUnknown) {
		return explained
	}
	return Wrap(ctx, err)
}
