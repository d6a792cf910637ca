package memory

import (
	"context"
	"errors"
	"fmt"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// Tx is a transaction of a [Log]. Its records and rows become visible when it commits.
type Tx struct {
	log     *Log
	pending []eventlog.Record
	heads   map[stream]domain.Version // of the aggregates in pending
	dirty   map[row]any               // rows written; deleted{} where a row was removed

	// Guarded by the log's mutex, for other transactions look at them.
	held    []resource
	waiting *wait
	ended   chan struct{} // closed by commit and rollback

	failed error // what makes a commit impossible
	done   bool
}

var _ eventlog.Tx = (*Tx)(nil)

var errDone = errors.New("transaction is over")

// Append adds the records to what the commit will write. It waits for open transactions that have written to or guarded
// one of the aggregates; eventlog.ErrTransient when they wait for this one.
func (tx *Tx) Append(ctx context.Context, records []eventlog.Record) error {
	if len(records) == 0 {
		return nil
	}
	err := tx.do(ctx, func() error { return tx.append(ctx, records) })
	if err != nil {
		return fmt.Errorf("append events: %w", err)
	}
	return nil
}

// Guard holds the aggregates as they are until the transaction ends.
func (tx *Tx) Guard(ctx context.Context, heads []eventlog.Head) error {
	if len(heads) == 0 {
		return nil
	}
	err := tx.do(ctx, func() error { return tx.guard(ctx, heads) })
	if err != nil {
		return fmt.Errorf("guard aggregates: %w", err)
	}
	return nil
}

// do runs one statement under the log's mutex. Like in PostgreSQL, after an error the transaction can only be rolled back.
func (tx *Tx) do(ctx context.Context, statement func() error) error {
	tx.log.mu.Lock()
	defer tx.log.mu.Unlock()
	switch {
	case tx.done:
		return errDone
	case tx.failed != nil:
		return fmt.Errorf("transaction can only be rolled back after: %w", tx.failed)
	}
	err := tx.log.ready(ctx)
	if err == nil {
		err = statement()
	}
	tx.failed = err
	return err
}

// Commit makes records and rows visible, all at once.
func (tx *Tx) Commit(ctx context.Context) error {
	l := tx.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if tx.done {
		return fmt.Errorf("commit: %w", errDone)
	}
	tx.done = true
	defer l.release(tx)
	if tx.failed != nil {
		return fmt.Errorf("commit: transaction can only be rolled back after: %w", tx.failed)
	}
	if err := l.ready(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	l.store(tx.pending)
	for r, value := range tx.dirty {
		if _, gone := value.(deleted); gone {
			delete(l.rows, r)
			continue
		}
		l.rows[r] = value
	}
	if len(tx.pending) > 0 {
		l.signal.Raise()
	}
	return nil
}

// Rollback forgets what was written.
func (tx *Tx) Rollback() error {
	tx.log.mu.Lock()
	defer tx.log.mu.Unlock()
	if !tx.done {
		tx.done = true
		tx.log.release(tx)
	}
	return nil
}

// own returns tx as a transaction of this log; nil stays nil.
func (l *Log) own(tx eventlog.Tx) (*Tx, error) {
	if tx == nil {
		return nil, nil
	}
	if ours, ok := tx.(*Tx); ok && ours.log == l {
		return ours, nil
	}
	return nil, fmt.Errorf("transaction %T is not one of this memory log", tx)
}
