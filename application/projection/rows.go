package projection

import (
	"context"
	"fmt"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// Table keeps rows by a text key. Safe for concurrent use; each call gets a transaction of its caller.
type Table[R any] interface {
	// Load returns the rows with those keys, in any order, without those that aren't there.
	Load(ctx context.Context, tx eventlog.Tx, keys []string) ([]*R, error)
	// Store inserts the rows, no two of one key, in place of those that are there with the same key.
	Store(ctx context.Context, tx eventlog.Tx, rows []*R) error
}

// Rows is the [Fold] of a table with a row for each aggregate of one type. Rows know the version that they have reached: an
// event that comes again, under whatever offset, finds it reached and is passed by.
//
// A row is only ever changed by events of its own aggregate, which come one after the other. What events of several
// aggregates change isn't for Rows: add it up in one statement, as postgres.Table.Add does.
type Rows[R any] struct {
	table Table[R]
	ref   func(*R) (id *string, version *domain.Version)
	rows  map[string]*kept[R]
	dirty []*kept[R] // in the order of their first change
}

type kept[R any] struct {
	row     R
	changed bool
}

// NewRows returns an empty fold over a table. ref returns where a row keeps the id of its aggregate, which is the table's key,
// and the version.
func NewRows[R any](table Table[R], ref func(*R) (id *string, version *domain.Version)) *Rows[R] {
	return &Rows[R]{table: table, ref: ref}
}

var _ Fold = (*Rows[struct{}])(nil)

// Load reads the rows of all aggregates in the batch.
func (r *Rows[R]) Load(ctx context.Context, tx eventlog.Tx, batch []Event) error {
	ids := make([]string, 0, len(batch))
	r.rows = make(map[string]*kept[R], len(batch))
	for i := range batch {
		id := batch[i].AggregateID
		if _, ok := r.rows[id]; !ok {
			r.rows[id] = nil
			ids = append(ids, id)
		}
	}
	stored, err := r.table.Load(ctx, tx, ids)
	if err != nil {
		return err
	}
	for _, row := range stored {
		id, _ := r.ref(row)
		r.rows[*id] = &kept[R]{row: *row}
	}
	return nil
}

// Store writes the rows that were set.
func (r *Rows[R]) Store(ctx context.Context, tx eventlog.Tx) error {
	if len(r.dirty) == 0 {
		return nil
	}
	rows := make([]*R, len(r.dirty))
	for i, k := range r.dirty {
		rows[i] = &k.row
	}
	return r.table.Store(ctx, tx, rows)
}

// Get returns the row of the event's aggregate, as the events before it have left it. An error when there is none, which means
// that an earlier event hasn't been applied.
func (r *Rows[R]) Get(e *eventlog.Record) (R, error) {
	if k := r.rows[e.AggregateID]; k != nil {
		return k.row, nil
	}
	var none R
	return none, fmt.Errorf("no row for %s %s: the event that begins it hasn't been applied", e.AggregateType, e.AggregateID)
}

// Seen reports whether the row has the event already.
func (r *Rows[R]) Seen(e *eventlog.Record) bool {
	k := r.rows[e.AggregateID]
	if k == nil {
		return false
	}
	_, version := r.ref(&k.row)
	return e.Version <= *version
}

// Set makes row that of the event's aggregate, at the event's version.
func (r *Rows[R]) Set(e *eventlog.Record, row R) {
	id, version := r.ref(&row)
	*id, *version = e.AggregateID, e.Version
	k := r.rows[e.AggregateID]
	if k == nil {
		k = new(kept[R])
		r.rows[e.AggregateID] = k
	}
	k.row = row
	if !k.changed {
		k.changed = true
		r.dirty = append(r.dirty, k)
	}
}

// Versions returns how far a table is whose rows know the versions that they have reached, for [Declaration.Reached]. Every event
// that the projection handles must move its row's version, as [Rows.Set] does.
func Versions[R any](
	table Table[R], ref func(*R) (id *string, version *domain.Version),
) func(context.Context, eventlog.Tx, []string) (map[string]domain.Version, error) {
	return func(ctx context.Context, tx eventlog.Tx, ids []string) (map[string]domain.Version, error) {
		rows, err := table.Load(ctx, tx, ids)
		if err != nil {
			return nil, err
		}
		reached := make(map[string]domain.Version, len(rows))
		for _, row := range rows {
			id, version := ref(row)
			reached[*id] = *version
		}
		return reached, nil
	}
}
