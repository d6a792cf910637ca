package postgres

import (
	"context"
	"fmt"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
)

// Table reads and writes many rows of a table by one statement, whatever their number. A row is a struct R whose fields name
// their columns by the tag `db`; what isn't named is left alone. A column's type follows from the field's: text, bigint,
// double precision, boolean, timestamptz, bytea or uuid; other ones are named by the tag `pg`:
//
//	type row struct {
//		ID    string    `db:"id" pg:"uuid"`
//		Total string    `db:"total" pg:"numeric"`
//		At    time.Time `db:"at"`
//	}
//
// A nil pointer is NULL; a driver.Valuer is asked for its value. Statements are made once, by [NewTable]. Errors are such as
// [Wrap] makes. Safe for concurrent use.
type Table[R any] struct {
	name    string
	columns []column
	keys    []column
	texts   tableTexts
}

// NewTable describes the table of that name, which is qualified by its schema, by the struct R and its key columns: those of a
// unique index. It panics for a struct that doesn't describe a table, naming what is wrong: a mistake in the program.
func NewTable[R any](name string, key ...string) *Table[R] {
	t := &Table[R]{name: name, columns: columnsOf[R](name)}
	for _, k := range key {
		c, ok := find(t.columns, k)
		if !ok {
			panic(fmt.Sprintf("postgres: table %s: %T has no column %q for the key", name, *new(R), k))
		}
		t.keys = append(t.keys, c)
	}
	if len(key) == 0 {
		panic(fmt.Sprintf("postgres: table %s: want at least one key column", name))
	}
	t.texts = textsOf(name, t.columns, t.keys)
	return t
}

var _ projection.Table[struct{}] = (*Table[struct{}])(nil)

// Insert inserts rows. A row that is there already is a unique violation.
func (t *Table[R]) Insert(ctx context.Context, tx eventlog.Tx, rows []*R) error {
	_, err := t.write(ctx, tx, "insert into", t.texts.insert, rows)
	return err
}

// Store inserts rows, no two of one key, or overwrites all columns of those that are there: an upsert. Rows are locked in the
// order of their keys.
func (t *Table[R]) Store(ctx context.Context, tx eventlog.Tx, rows []*R) error {
	_, err := t.write(ctx, tx, "upsert into", t.texts.upsert, rows)
	return err
}

// Add inserts rows, no two of one key, or adds their other columns, which are numbers, to those that are there. Transactions
// that add to one row wait for each other, in the order of keys, and lose nothing: for totals over many aggregates.
func (t *Table[R]) Add(ctx context.Context, tx eventlog.Tx, rows []*R) error {
	_, err := t.write(ctx, tx, "add to", t.texts.add, rows)
	return err
}

// Update overwrites the other columns of the rows that are there and returns how many those were.
func (t *Table[R]) Update(ctx context.Context, tx eventlog.Tx, rows []*R) (int64, error) {
	return t.write(ctx, tx, "update", t.texts.update, rows)
}

// Load returns the rows with those values of the one key column, in any order, without those that aren't there. It panics for
// a table with several key columns: see [Table.Select].
func (t *Table[R]) Load(ctx context.Context, tx eventlog.Tx, keys []string) ([]*R, error) {
	if len(t.keys) != 1 {
		panic(fmt.Sprintf("postgres: table %s: Load by one key, but the table has %d", t.name, len(t.keys)))
	}
	var list []byte
	for i, k := range keys {
		list = appendText(begin(list, i), k)
	}
	return t.read(ctx, tx, []any{closed(list)})
}

// Select returns the rows that have the same keys as like, in any order, without those that aren't there.
func (t *Table[R]) Select(ctx context.Context, tx eventlog.Tx, like []*R) ([]*R, error) {
	args, err := arrays(t.keys, like)
	if err != nil {
		return nil, fmt.Errorf("select from %s: %w", t.name, err)
	}
	return t.read(ctx, tx, args)
}

func (t *Table[R]) read(ctx context.Context, tx eventlog.Tx, args []any) ([]*R, error) {
	var rows []*R
	if err := own(tx).querier().SelectContext(ctx, &rows, t.texts.choose, args...); err != nil {
		return nil, fmt.Errorf("select from %s: %w", t.name, Wrap(ctx, err))
	}
	return rows, nil
}

func (t *Table[R]) write(ctx context.Context, tx eventlog.Tx, step, query string, rows []*R) (int64, error) {
	if len(rows) == 0 {
		return 0, nil
	}
	args, err := arrays(t.columns, rows)
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", step, t.name, err)
	}
	result, err := SQL(tx).ExecContext(ctx, query, args...)
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", step, t.name, Wrap(ctx, err))
	}
	return result.RowsAffected()
}
