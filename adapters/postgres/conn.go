package postgres

import (
	"context"
	"database/sql/driver"
	"strings"
	"syscall"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// pqConn is what lib/pq's connection can do.
type pqConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.QueryerContext
	driver.ExecerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
	driver.NamedValueChecker
}

type statement interface {
	driver.Stmt
	driver.StmtQueryContext
	driver.StmtExecContext
}

// maxStatements bounds what a connection keeps prepared. Texts are constants, so that a program with more of them makes
// them up at run time, and those are better not kept.
const maxStatements = 500

// conn prepares each text once and then executes it in one round trip, where lib/pq takes two for a statement with
// arguments. database/sql's own prepared statements would do the same, but preparing one takes a connection of the
// pool: within a transaction that waits for itself when the pool is small.
type conn struct {
	pqConn
	statements map[string]statement
	named      map[string]named // texts that are prepared for EXECUTE
	names      int              // made so far, those of lost ones too
	socket     syscall.RawConn  // nil: unknown
	pending    *begun           // the transaction, which its first statement will begin
	ended      bool             // the transaction, by its last statement
}

var _ pqConn = (*conn)(nil)

// QueryContext runs a query; rows must be read or closed before the connection is used again.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.pending != nil {
		if rows, err := c.first(ctx, query, args); err != nil || rows != nil {
			return rows, err
		}
	}
	st, err := c.statement(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if st == nil {
		return c.pqConn.QueryContext(ctx, query, args)
	}
	rows, err := st.QueryContext(ctx, args)
	c.forgetStale(query, st, err)
	return rows, err
}

// ExecContext runs a statement.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if query == openMark {
		return driver.RowsAffected(0), c.open(ctx)
	}
	if last, ok := strings.CutPrefix(query, lastMark); ok {
		return c.execLast(ctx, last, args)
	}
	if c.pending != nil {
		rows, err := c.first(ctx, query, args)
		if err == nil && rows != nil {
			err = rows.Close() // reads what is left
		}
		if err != nil || rows != nil {
			return resultOf(rows), err
		}
	}
	st, err := c.statement(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if st == nil {
		return c.pqConn.ExecContext(ctx, query, args)
	}
	result, err := st.ExecContext(ctx, args)
	c.forgetStale(query, st, err)
	return result, err
}

// PrepareContext prepares a statement, whose execution this connection then doesn't see.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if err := c.open(ctx); err != nil {
		return nil, err
	}
	return c.pqConn.PrepareContext(ctx, query)
}

func resultOf(rows firstRows) driver.Result {
	if rows == nil {
		return nil
	}
	return rows.Result()
}

// statement returns nil where preparing doesn't pay.
func (c *conn) statement(ctx context.Context, query string, args []driver.NamedValue) (statement, error) {
	if len(args) == 0 {
		return nil, nil //nolint:nilnil // nothing is to be prepared, which is no error
	}
	if st, ok := c.statements[query]; ok {
		return st, nil
	}
	if len(c.statements) >= maxStatements {
		return nil, nil //nolint:nilnil // as above
	}
	prepared, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	st, ok := prepared.(statement)
	if !ok {
		return nil, prepared.Close()
	}
	c.statements[query] = st
	return st, nil
}

// forgetStale drops a statement that the server can't run any more, because a table changed or a pooler lost it, so
// that the next use prepares it anew.
func (c *conn) forgetStale(query string, st statement, err error) {
	if err != nil && pq.As(err, pqerror.FeatureNotSupported, pqerror.InvalidSQLStatementName) != nil {
		delete(c.statements, query)
		_ = st.Close() // an error means that the connection is broken, and database/sql notices that
	}
}
