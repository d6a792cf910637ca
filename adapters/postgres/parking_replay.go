package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
)

const (
	lockSequenceSQL = `SELECT id FROM tenon.parked_sequences
		WHERE projection = $1 AND version = $2 AND topic = $3 AND partition = $4 AND aggregate_type = $5 AND aggregate_id = $6
		FOR UPDATE`

	// Not in one statement with the lock: that would show the sequence as it was before the lock was waited for.
	takeSQL = `SELECT ` + eventColumns + ` FROM tenon.parked_events e JOIN tenon.parked_sequences s ON s.id = e.sequence
		WHERE e.sequence = $1 AND e.id > $2 ORDER BY e.id LIMIT $3`

	removeSQL = `
WITH gone AS (
    DELETE FROM tenon.parked_events WHERE sequence = $1 AND id = ANY ($2) RETURNING *
)
INSERT INTO tenon.parked_actions (kind, event, ` + keyColumns + `, record_offset, event_id, payload_text, payload_bytes, decided_by, why)
SELECT $3, e.id, s.projection, s.version, s.topic, s.partition, s.aggregate_type, s.aggregate_id, e.record_offset, e.event_id,
    CASE WHEN $4 THEN ` + currentText + ` END, CASE WHEN $4 THEN ` + currentBytes + ` END, $5, $6
FROM gone e JOIN tenon.parked_sequences s ON s.id = e.sequence ORDER BY e.id`

	currentText  = `CASE WHEN num_nonnulls(e.edited_text, e.edited_bytes) > 0 THEN e.edited_text ELSE e.payload_text END`
	currentBytes = `CASE WHEN num_nonnulls(e.edited_text, e.edited_bytes) > 0 THEN e.edited_bytes ELSE e.payload_bytes END`

	endSequenceSQL = `DELETE FROM tenon.parked_sequences
		WHERE id = $1 AND NOT EXISTS (SELECT FROM tenon.parked_events WHERE sequence = $1)`

	failedSQL = `UPDATE tenon.parked_events SET reason = $2, error = $3, stack = $4, attempts = attempts + 1, last_failed_at = $5,
			first_failed_at = coalesce(first_failed_at, $5)
		WHERE id = $1`
)

// lockSequence keeps everybody else away from a sequence until the transaction ends.
func lockSequence(ctx context.Context, tx *sqlx.Tx, k deadletter.Key) (id int64, err error) {
	err = tx.QueryRowxContext(ctx, lockSequenceSQL, keyArgs(k)...).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, deadletter.ErrNotParked
	}
	return id, Wrap(ctx, err)
}

// Take locks a sequence and returns events of it.
func (d *DeadLetters) Take(ctx context.Context, tx eventlog.Tx, k deadletter.Key, after int64, most int) ([]deadletter.Event, error) {
	id, err := lockSequence(ctx, SQL(tx), k)
	var rows []parkedEvent
	if err == nil {
		err = Wrap(ctx, SQL(tx).SelectContext(ctx, &rows, takeSQL, id, after, most))
	}
	if err != nil {
		return nil, fmt.Errorf("take parked sequence of %s %s: %w", k.AggregateType, k.AggregateID, err)
	}
	return eventsOf(rows)
}

// Done removes events that were replayed.
func (d *DeadLetters) Done(ctx context.Context, tx eventlog.Tx, k deadletter.Key, ids []int64, by deadletter.Decision) error {
	return d.remove(ctx, SQL(tx), k, ids, deadletter.Replayed, by)
}

// remove takes events out of their sequence, and the sequence away with its last.
func (d *DeadLetters) remove(
	ctx context.Context, tx *sqlx.Tx, k deadletter.Key, ids []int64, kind deadletter.ActionKind, by deadletter.Decision,
) error {
	if err := by.Check(kind); err != nil {
		return err
	}
	sequence, err := lockSequence(ctx, tx, k)
	if err != nil {
		return fmt.Errorf("remove parked events: %w", err)
	}
	result, err := tx.ExecContext(ctx, removeSQL, sequence, pq.Int64Array(ids), string(kind), kind == deadletter.Discarded, by.By, by.Why)
	if err != nil {
		return fmt.Errorf("remove parked events: %w", Wrap(ctx, err))
	}
	if n, err := result.RowsAffected(); err != nil || n != int64(len(ids)) {
		return errors.Join(fmt.Errorf("remove parked events %v: %w", ids, deadletter.ErrNotParked), err)
	}
	if _, err := tx.ExecContext(ctx, endSequenceSQL, sequence); err != nil {
		return fmt.Errorf("end parked sequence: %w", Wrap(ctx, err))
	}
	return nil
}

// Failed notes another failure of an event.
func (d *DeadLetters) Failed(ctx context.Context, id int64, f deadletter.Failure) error {
	_, err := d.db.pool.ExecContext(ctx, failedSQL, id, string(f.Reason), deadletter.Text(f.Error, longestError),
		deadletter.Text(f.Stack, longestStack), f.At.UTC())
	if err != nil {
		return fmt.Errorf("note the failure of parked event %d: %w", id, Wrap(ctx, err))
	}
	return nil
}
