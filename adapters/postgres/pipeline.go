package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// A round trip costs both sides more than what most statements of a unit do in it. lib/pq has no pipeline, but the simple
// protocol takes several statements in one message, EXECUTE of prepared ones among them. So the transaction learns its
// xid with BEGIN, and ends with the statement that appends.
const (
	beginSQL = `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;EXECUTE `
	xidSQL   = `SELECT pg_current_xact_id()::text`

	// lastMark before a statement asks for its execution and the commit in one message.
	lastMark         = "LAST "
	lastAppendSQL    = lastMark + appendSQL
	lastAppendOneSQL = lastMark + appendOneSQL
)

// begun receives the xid of the transaction whose context carries it.
type begun struct{ xid string }

type begunKey struct{}

// transaction is one on a conn: lib/pq's own, unless the last statement has ended it.
type transaction struct {
	driver.Tx
	conn *conn
}

func (t transaction) Commit() error {
	if t.conn.ended {
		return nil
	}
	return t.Tx.Commit()
}

func (t transaction) Rollback() error {
	if t.conn.ended {
		return nil
	}
	return t.Tx.Rollback()
}

// BeginTx begins a transaction. Its context's end is database/sql's to notice, and each statement's context is watched while
// that runs: lib/pq is spared a goroutine per transaction.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	c.ended = false
	b, ok := ctx.Value(begunKey{}).(*begun)
	if !ok {
		tx, err := c.pqConn.BeginTx(context.WithoutCancel(ctx), opts)
		return transaction{tx, c}, err
	}
	inner, ok := c.pqConn.(driver.Tx)
	if !ok {
		return nil, fmt.Errorf("lib/pq's connection %T is no transaction", c.pqConn)
	}
	xid, err := c.beginWithXid(ctx)
	if pq.As(err, pqerror.InvalidSQLStatementName) != nil { // a pooler lost it
		clear(c.named)
		if err = inner.Rollback(); err == nil {
			xid, err = c.beginWithXid(ctx)
		}
	}
	if err != nil {
		if pq.As(err) != nil {
			err = errors.Join(err, inner.Rollback())
		}
		return nil, err
	}
	b.xid = xid
	return transaction{inner, c}, nil
}

func (c *conn) beginWithXid(ctx context.Context) (string, error) {
	name, err := c.name(ctx, xidSQL)
	if err != nil {
		return "", err
	}
	rows, err := c.pqConn.QueryContext(ctx, beginSQL+name, nil)
	if err != nil {
		return "", err
	}
	values := make([]driver.Value, 1)
	if err := errors.Join(rows.Next(values), rows.Close()); err != nil {
		return "", err
	}
	return text(values[0]), nil
}

// name returns what the statement is prepared as, for EXECUTE. The server keeps these apart from lib/pq's by their names.
func (c *conn) name(ctx context.Context, query string) (string, error) {
	if name, ok := c.named[query]; ok {
		return name, nil
	}
	c.names++
	name := "tenon_" + strconv.Itoa(c.names)
	if _, err := c.pqConn.ExecContext(ctx, "PREPARE "+name+" AS "+query, nil); err != nil {
		return "", err
	}
	c.named[query] = name
	return name, nil
}

// execLast executes a statement and commits. After an error of the statement the server skips the commit.
func (c *conn) execLast(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	name, err := c.name(ctx, query)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString("EXECUTE " + name)
	for i, a := range args {
		literal, err := quote(a.Value)
		if err != nil {
			return nil, fmt.Errorf("parameter %d: %w", i+1, err)
		}
		b.WriteByte("(,"[min(i, 1)])
		b.WriteString(literal)
	}
	b.WriteString(");COMMIT")
	result, err := c.pqConn.ExecContext(ctx, b.String(), nil)
	if pq.As(err, pqerror.InvalidSQLStatementName) != nil {
		clear(c.named)
	}
	c.ended = err == nil
	return result, err
}

// quote returns the literal of a parameter, of the kinds that the log's statements have. The server reads it by the type of the
// parameter, as it would without quotes.
func quote(v driver.Value) (string, error) {
	switch v := v.(type) {
	case nil:
		return "NULL", nil
	case int64:
		return "'" + strconv.FormatInt(v, 10) + "'", nil
	case string:
		return pq.QuoteLiteral(v), nil
	}
	return "", fmt.Errorf("a %T has no literal", v)
}
