package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// A transaction of the log begins with its first statement, in one message with it: see [conn.first]. openMark, executed,
// begins it before.
const openMark = "-- open"

// maxJoined bounds the parameters of a statement that goes out with BEGIN. Quoting copies them, and a round trip is nothing to
// large ones.
const maxJoined = 64 << 10

// begun receives the xid of the transaction whose context carries it, when the server has begun it.
type begun struct{ xid string }

type begunKey struct{}

// named is a statement that is prepared for EXECUTE.
type named struct {
	name  string
	plain bool // every parameter's literal is its text
}

// firstRows are lib/pq's rows.
type firstRows interface {
	driver.RowsNextResultSet
	Result() driver.Result
}

// BeginTx begins a transaction. Its context's end is database/sql's to notice, and each statement's context is watched while
// that runs: lib/pq is spared a goroutine per transaction. One of the log waits for its first statement. A server that has hung
// up, or says what nobody asked for, which is that it will, is noticed here, where database/sql takes another connection.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	c.ended, c.pending = false, nil
	b, ok := ctx.Value(begunKey{}).(*begun)
	if !ok {
		tx, err := c.pqConn.BeginTx(context.WithoutCancel(ctx), opts)
		return transaction{tx, c}, err
	}
	inner, ok := c.pqConn.(driver.Tx)
	if !ok {
		return nil, fmt.Errorf("lib/pq's connection %T is no transaction", c.pqConn)
	}
	quiet, known := listen(c.socket)
	if known && !quiet || !c.IsValid() {
		return nil, driver.ErrBadConn
	}
	c.pending = b
	if quiet {
		return transaction{inner, c}, nil
	}
	if err := c.open(ctx); err != nil {
		if pq.As(err) != nil {
			err = errors.Join(err, inner.Rollback())
		}
		return nil, err
	}
	return transaction{inner, c}, nil
}

// open begins the transaction that waits, if one does. After an error it is failed: statements are refused until it is rolled
// back.
func (c *conn) open(ctx context.Context) error {
	b := c.pending
	if b == nil {
		return nil
	}
	c.pending = nil
	rows, err := c.begin(ctx, b, "")
	if pq.As(err, pqerror.InvalidSQLStatementName) != nil { // a pooler lost it
		if err = c.restart(ctx); err == nil {
			rows, err = c.begin(ctx, b, "")
		}
	}
	if err != nil {
		return err
	}
	return rows.Close()
}

// restart takes back a transaction in which a statement wasn't there any more.
func (c *conn) restart(ctx context.Context) error {
	clear(c.named)
	_, err := c.pqConn.ExecContext(ctx, "ROLLBACK", nil)
	return err
}

// first begins the transaction that waits together with its first statement, or alone and returns nil where that can't be.
func (c *conn) first(ctx context.Context, query string, args []driver.NamedValue) (firstRows, error) {
	execute, err := c.joinable(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if execute == "" {
		return nil, c.open(ctx)
	}
	b := c.pending
	c.pending = nil
	rows, err := c.begin(ctx, b, ";"+execute)
	if pq.As(err, pqerror.InvalidSQLStatementName, pqerror.FeatureNotSupported) != nil { // lost, or a table changed
		if err = c.restart(ctx); err == nil {
			c.pending = b
			return nil, c.open(ctx)
		}
	}
	return rows, err
}

// begin sends BEGIN, with a statement after it, and returns that one's rows.
func (c *conn) begin(ctx context.Context, b *begun, then string) (firstRows, error) {
	xid, err := c.prepared(ctx, xidSQL)
	if err != nil {
		return nil, err
	}
	sent, err := c.pqConn.QueryContext(ctx, beginSQL+xid.name+then, nil)
	if err != nil {
		return nil, err
	}
	rows, ok := sent.(firstRows)
	if !ok {
		return nil, errors.Join(fmt.Errorf("lib/pq's rows %T have no further results", sent), sent.Close())
	}
	values := make([]driver.Value, 1)
	if err := rows.Next(values); err != nil {
		return nil, errors.Join(err, rows.Close())
	}
	b.xid = text(values[0])
	if err := rows.Next(values); !errors.Is(err, io.EOF) { // the statement's error comes here
		return nil, errors.Join(err, rows.Close())
	}
	if rows.HasNextResultSet() {
		return rows, rows.NextResultSet()
	}
	return rows, nil
}

// joinable returns the statement as an EXECUTE, or "" for one that goes by itself: parameters that lib/pq would encode by their
// type, or none at all; several statements; one that can't be prepared, to be refused where its error is expected.
func (c *conn) joinable(ctx context.Context, query string, args []driver.NamedValue) (string, error) {
	if len(args) == 0 || strings.Contains(query, ";") || len(c.named) >= maxStatements {
		return "", nil
	}
	literals, ok := joinedLiterals(args)
	if !ok {
		return "", nil
	}
	st, err := c.prepared(ctx, query)
	if pq.As(err) != nil || err == nil && !st.plain {
		return "", nil
	}
	return "EXECUTE " + st.name + literals, err
}

func joinedLiterals(args []driver.NamedValue) (string, bool) {
	size := 0
	for _, a := range args {
		switch v := a.Value.(type) {
		case string:
			size += len(v)
			if strings.IndexByte(v, 0) >= 0 {
				return "", false
			}
		case []byte:
			return "", false
		}
	}
	if size > maxJoined {
		return "", false
	}
	literals, err := literals(args)
	return literals, err == nil
}
