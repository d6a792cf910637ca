package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
)

var _ projection.Checkpoints = (*DB)(nil)

const (
	nextSQL = `SELECT partition, topic_id, next_offset, coalesce(partitions, 0) FROM tenon.checkpoints
WHERE projection = $1 AND version = $2 AND topic = $3`

	// What is returned is the transaction's proof. The transaction does nothing but run statements from here on: see [idleSQL].
	firstAdvanceSQL = `
INSERT INTO tenon.checkpoints (projection, version, topic, partition, topic_id, next_offset, partitions) VALUES ($1, $2, $3, $4, $5, $6, nullif($7::integer, 0))
ON CONFLICT DO NOTHING
RETURNING pg_current_xact_id()::text, now(), pg_postmaster_start_time(),
    set_config('idle_in_transaction_session_timeout', '5s', true), ` + patience

	advanceSQL = `
UPDATE tenon.checkpoints SET next_offset = $6, updated_at = now(), partitions = coalesce(nullif($7::integer, 0), partitions)
WHERE projection = $1 AND version = $2 AND topic = $3 AND partition = $4 AND topic_id = $5 AND next_offset = $8
RETURNING pg_current_xact_id()::text, now(), pg_postmaster_start_time(),
    set_config('idle_in_transaction_session_timeout', '5s', true), ` + patience

	// patience lets a lock that somebody holds for long show as such: else a handler's time would run out, and its event be
	// taken for poison.
	patience = `CASE current_setting('lock_timeout') WHEN '0' THEN set_config('lock_timeout', '5s', true) END`
)

// readTheLog is the way out where a topic can't be gone on with: what the log has doesn't depend on topics. Read again it has no
// further effect.
const readTheLog = "the log has all events: let the read model read it, by TENON_PROJECTIONS_SOURCE=log until `tenon projections list` shows " +
	"no lag, and set it back then; or raise the version of the read model, which builds it anew"

// Next returns the offset at which a projection goes on with a partition.
func (db *DB) Next(ctx context.Context, name string, version int, p projection.Partition) (int64, error) {
	rows, err := db.pool.QueryContext(ctx, nextSQL, name, version, p.Topic)
	if err != nil {
		return projection.None, Wrap(ctx, err)
	}
	next, replaced, changed := projection.None, error(nil), error(nil)
	err = each(rows, func() error {
		var number, count int32
		var id uuid.UUID
		var at int64
		err := rows.Scan(&number, &id, &at, &count)
		switch {
		case number == p.Number && id != p.ID:
			replaced = fmt.Errorf("%w: %s had the id %s when projection %s v%d read it, now it has %s; %s", projection.ErrTopicReplaced,
				p.Topic, id, name, version, p.ID, readTheLog)
		case number == p.Number:
			next = at
		}
		if id == p.ID && count != p.Count && count > 0 && p.Count > 0 {
			changed = fmt.Errorf("%w: %s had %d when projection %s v%d read it, now it has %d; %s", projection.ErrPartitionsChanged,
				p.Topic, count, name, version, p.Count, readTheLog)
		}
		return err
	})
	if err != nil {
		return projection.None, Wrap(ctx, err)
	}
	if err := errors.Join(replaced, changed); err != nil {
		return projection.None, err
	}
	return next, nil
}

// Advance moves a projection's checkpoint within tx. It waits for another transaction that moves it too, and then
// returns projection.ErrMoved.
func (db *DB) Advance(ctx context.Context, tx eventlog.Tx, name string, version int, p projection.Partition, from, to int64) error {
	if to < 0 || from >= to {
		return fmt.Errorf("advance projection %s from %d to %d: want an offset further on", name, from, to)
	}
	query, args := firstAdvanceSQL, []any{name, version, p.Topic, p.Number, p.ID, to, p.Count}
	if from != projection.None {
		query, args = advanceSQL, append(args, from)
	}
	moved, err := own(tx).advance(ctx, query, args...)
	if err == nil && !moved {
		return fmt.Errorf("%w: projection %s v%d on %s/%d isn't at %d", projection.ErrMoved, name, version, p.Topic, p.Number, from)
	}
	return err
}

// advance runs a statement that moves a place and returns the transaction's proof, and reports whether it moved.
func (t *Tx) advance(ctx context.Context, query string, args ...any) (bool, error) {
	var moved proof
	err := t.tx.QueryRowContext(ctx, query, args...).Scan(&moved.xid, &moved.began, &moved.serverBegan, new(string), new(sql.NullString))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, Wrap(ctx, err)
	}
	if t.proof.xid == "" {
		t.proof = moved
	}
	return true, nil
}
