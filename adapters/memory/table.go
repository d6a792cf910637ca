package memory

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/tenon-go/tenon/application/eventlog"
)

// Table holds rows of type V by key, written by the transactions of a [Log]. A row is replaced, never changed: V should be a
// value that shares no memory with what its writer goes on changing. Safe for concurrent use.
type Table[V any] struct {
	log *Log
	id  *tableID
}

// tableID tells tables apart; not empty, or all of them might have one address.
type tableID struct{ _ byte }

type row struct {
	table *tableID
	key   string
}

// deleted stands where a transaction removed a row.
type deleted struct{}

// NewTable returns an empty table of the log.
func NewTable[V any](log *Log) *Table[V] { return &Table[V]{log: log, id: new(tableID)} }

// Get returns the row as tx sees it, or as it is committed when tx is nil, and whether there is one.
func (t *Table[V]) Get(ctx context.Context, tx eventlog.Tx, key string) (V, bool, error) {
	var none V
	ours, err := t.log.own(tx)
	if err != nil {
		return none, false, err
	}
	r := row{t.id, key}
	var value any
	read := func() error {
		value = t.log.rows[r]
		return nil
	}
	if ours == nil {
		err = t.log.look(ctx, read)
	} else {
		err = ours.do(ctx, func() error {
			if written, ok := ours.dirty[r]; ok {
				value = written
				return nil
			}
			return read()
		})
	}
	v, ok := value.(V)
	return v, ok, err
}

// Lock keeps other transactions from writing the row until tx ends, and waits for one that has written it. What Get returns
// afterwards stays true. eventlog.ErrTransient when the other one waits for this.
func (t *Table[V]) Lock(ctx context.Context, tx eventlog.Tx, key string) error {
	return t.write(ctx, tx, key, func(*Tx, row) {})
}

// Put writes the row through tx, after waiting like Lock.
func (t *Table[V]) Put(ctx context.Context, tx eventlog.Tx, key string, value V) error {
	return t.write(ctx, tx, key, func(ours *Tx, r row) { ours.dirty[r] = value })
}

// Delete removes the row through tx, after waiting like Lock. No such row: no effect.
func (t *Table[V]) Delete(ctx context.Context, tx eventlog.Tx, key string) error {
	return t.write(ctx, tx, key, func(ours *Tx, r row) { ours.dirty[r] = deleted{} })
}

func (t *Table[V]) write(ctx context.Context, tx eventlog.Tx, key string, effect func(*Tx, row)) error {
	ours, err := t.log.own(tx)
	if err != nil {
		return err
	}
	if ours == nil {
		return fmt.Errorf("write row %q: want a transaction, have none", key)
	}
	r := row{t.id, key}
	return ours.do(ctx, func() error {
		if err := t.log.lock(ctx, ours, r, exclusive); err != nil {
			return fmt.Errorf("write row %q: %w", key, err)
		}
		effect(ours, r)
		return nil
	})
}

// Rows returns the committed rows, sorted by key.
func (t *Table[V]) Rows(ctx context.Context) (iter.Seq2[string, V], error) {
	rows := make(map[string]V)
	err := t.log.look(ctx, func() error {
		for r, value := range t.log.rows {
			if v, ok := value.(V); ok && r.table == t.id {
				rows[r.key] = v
			}
		}
		return nil
	})
	return func(yield func(string, V) bool) {
		for _, key := range slices.Sorted(maps.Keys(rows)) {
			if !yield(key, rows[key]) {
				return
			}
		}
	}, err
}

// look runs a reading statement outside of transactions.
func (l *Log) look(ctx context.Context, read func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.ready(ctx); err != nil {
		return err
	}
	return read()
}
