package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/tenon-go/tenon/application/deadletter"
)

const (
	editSQL = `
WITH old AS (
    SELECT e.*, s.projection, s.version, s.topic, s.partition, s.aggregate_type, s.aggregate_id
    FROM tenon.parked_events e JOIN tenon.parked_sequences s ON s.id = e.sequence WHERE e.id = $1
), noted AS (
    INSERT INTO tenon.parked_actions (kind, event, ` + keyColumns + `, record_offset, event_id, payload_text, payload_bytes, decided_by, why)
    SELECT 'edit', e.id, ` + keyColumns + `, e.record_offset, e.event_id, ` + currentText + `, ` + currentBytes + `, $4, $5 FROM old e
)
UPDATE tenon.parked_events SET edited_text = $2, edited_bytes = $3::text::bytea WHERE id = $1`

	actionsSQL = `SELECT kind, event, ` + keyColumns + `, record_offset, event_id, payload_text, payload_bytes, decided_by, why, done_at
		FROM tenon.parked_actions ORDER BY id DESC LIMIT $1`
)

// Edit gives an event another payload; the original stays beside it.
func (d *DeadLetters) Edit(ctx context.Context, id int64, payload []byte, by deadletter.Decision) error {
	if err := by.Check(deadletter.EditedBy); err != nil {
		return err
	}
	if payload == nil {
		return errors.New("payload is missing")
	}
	err := d.about(ctx, id, func(tx *sqlx.Tx, _ deadletter.Key) error {
		text, raw := payloadColumns(payload)
		result, err := tx.ExecContext(ctx, editSQL, id, text, raw, by.By, by.Why)
		if err != nil {
			return Wrap(ctx, err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(deadletter.ErrNotParked, err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("edit parked event %d: %w", id, err)
	}
	return nil
}

// Discard gives an event up for good.
func (d *DeadLetters) Discard(ctx context.Context, id int64, by deadletter.Decision) error {
	if err := by.Check(deadletter.Discarded); err != nil {
		return err
	}
	err := d.about(ctx, id, func(tx *sqlx.Tx, k deadletter.Key) error {
		return d.remove(ctx, tx, k, []int64{id}, deadletter.Discarded, by)
	})
	if err != nil {
		return fmt.Errorf("discard parked event %d: %w", id, err)
	}
	return nil
}

// about runs work in a transaction that has locked the event's sequence.
func (d *DeadLetters) about(ctx context.Context, id int64, work func(*sqlx.Tx, deadletter.Key) error) error {
	tx, err := d.db.beginStatements(ctx)
	if err != nil {
		return Wrap(ctx, err)
	}
	defer tx.Rollback() //nolint:errcheck // does nothing after Commit
	var row parkedKey
	err = tx.GetContext(ctx, &row, `SELECT s.projection, s.version, s.topic, s.partition, s.aggregate_type, s.aggregate_id
		FROM tenon.parked_events e JOIN tenon.parked_sequences s ON s.id = e.sequence WHERE e.id = $1`, id)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return deadletter.ErrNotParked
	case err != nil:
		return Wrap(ctx, err)
	}
	if _, err := lockSequence(ctx, tx, row.key()); err != nil {
		return err
	}
	if err := work(tx, row.key()); err != nil {
		return err
	}
	return Wrap(ctx, tx.Commit())
}

// Actions returns what was decided, newest first.
func (d *DeadLetters) Actions(ctx context.Context, most int) ([]deadletter.Action, error) {
	var rows []struct {
		parkedKey

		Kind    string         `db:"kind"`
		Event   int64          `db:"event"`
		Offset  int64          `db:"record_offset"`
		EventID uuid.NullUUID  `db:"event_id"`
		Text    sql.NullString `db:"payload_text"`
		Bytes   []byte         `db:"payload_bytes"`
		By      string         `db:"decided_by"`
		Why     string         `db:"why"`
		At      time.Time      `db:"done_at"`
	}
	if err := d.db.pool.SelectContext(ctx, &rows, actionsSQL, most); err != nil {
		return nil, fmt.Errorf("decisions about parked events: %w", Wrap(ctx, err))
	}
	var all []deadletter.Action
	for i := range rows {
		r := &rows[i]
		all = append(all, deadletter.Action{
			Kind: deadletter.ActionKind(r.Kind), Event: r.Event, Key: r.key(), Offset: r.Offset, EventID: r.EventID.UUID,
			Decision: deadletter.Decision{By: r.By, Why: r.Why}, Payload: payloadOf(r.Text, r.Bytes), At: r.At.UTC(),
		})
	}
	return all, nil
}
