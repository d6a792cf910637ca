package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// A round trip costs both sides more than what most statements of a unit do in it. lib/pq has no pipeline, but the simple
// protocol takes several statements in one message, EXECUTE of prepared ones among them. So the transaction learns its
// xid with BEGIN, begins with its first statement and ends with the one that appends.
const (
	beginSQL = `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;EXECUTE `
	xidSQL   = `SELECT pg_current_xact_id()::text`

	// lastMark before a statement asks for its execution and the commit in one message.
	lastMark         = "LAST "
	lastAppendSQL    = lastMark + appendSQL
	lastAppendOneSQL = lastMark + appendOneSQL
)

// transaction is one on a conn: lib/pq's own, unless it waits for its first statement or the last one has ended it.
type transaction struct {
	driver.Tx
	conn *conn
}

func (t transaction) Commit() error {
	if t.conn.pending != nil {
		t.conn.pending = nil
		return nil
	}
	if t.conn.ended {
		return nil
	}
	return t.Tx.Commit()
}

func (t transaction) Rollback() error {
	if t.conn.pending != nil {
		t.conn.pending = nil
		return nil
	}
	if t.conn.ended {
		return nil
	}
	return t.Tx.Rollback()
}

// prepared returns the statement as it is prepared for EXECUTE. The server keeps these apart from lib/pq's by their names.
func (c *conn) prepared(ctx context.Context, query string) (named, error) {
	if st, ok := c.named[query]; ok {
		return st, nil
	}
	c.names++
	st := named{name: "tenon_" + strconv.Itoa(c.names)}
	if _, err := c.pqConn.ExecContext(ctx, "PREPARE "+st.name+" AS "+query, nil); err != nil {
		return named{}, err
	}
	rows, err := c.pqConn.QueryContext(ctx, `SELECT ('bytea'::regtype = ANY (parameter_types))::text FROM pg_prepared_statements
		WHERE name = '`+st.name+`'`, nil)
	if err != nil {
		return named{}, err
	}
	values := make([]driver.Value, 1)
	if err := errors.Join(rows.Next(values), rows.Close()); err != nil {
		return named{}, err
	}
	st.plain = text(values[0]) == "false"
	c.named[query] = st
	return st, nil
}

// execLast executes a statement and commits. After an error of the statement the server skips the commit.
func (c *conn) execLast(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	st, err := c.prepared(ctx, query)
	if err != nil {
		return nil, err
	}
	list, err := literals(args)
	if err != nil {
		return nil, err
	}
	result, err := c.pqConn.ExecContext(ctx, "EXECUTE "+st.name+list+";COMMIT", nil)
	if pq.As(err, pqerror.InvalidSQLStatementName) != nil {
		clear(c.named)
	}
	c.ended = err == nil
	return result, err
}

// literals returns the parameters as EXECUTE takes them.
func literals(args []driver.NamedValue) (string, error) {
	var b strings.Builder
	for i, a := range args {
		literal, err := quote(a.Value)
		if err != nil {
			return "", fmt.Errorf("parameter %d: %w", i+1, err)
		}
		b.WriteByte("(,"[min(i, 1)])
		b.WriteString(literal)
	}
	b.WriteByte(')')
	return b.String(), nil
}

// quote returns the literal of a parameter whose text doesn't depend on its type. The server reads it by that type, as it would
// without quotes.
func quote(v driver.Value) (string, error) {
	switch v := v.(type) {
	case nil:
		return "NULL", nil
	case int64:
		return "'" + strconv.FormatInt(v, 10) + "'", nil
	case string:
		return pq.QuoteLiteral(v), nil
	case bool:
		return "'" + strconv.FormatBool(v) + "'", nil
	case float64:
		return "'" + strconv.FormatFloat(v, 'f', -1, 64) + "'", nil
	case time.Time:
		return "'" + string(pq.FormatTimestamp(v)) + "'", nil
	}
	return "", fmt.Errorf("a %T has no literal", v)
}
