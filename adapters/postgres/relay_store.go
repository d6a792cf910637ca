package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/tenon-go/tenon/application/relaying"
)

// RelayStore keeps lanes' progress for targets that can't, in the tables where [RelayBoard] shows it. Safe for concurrent
// use.
type RelayStore struct{ db *DB }

var _ relaying.Store = (*RelayStore)(nil)

// NewRelayStore returns the store of db.
func NewRelayStore(db *DB) *RelayStore { return &RelayStore{db: db} }

// Load implements relaying.Store. The progress is read before the keys: keys that somebody saves in between belong to a
// later batch, after which a Save that goes on from this progress is refused.
func (s *RelayStore) Load(ctx context.Context, log uuid.UUID, lane int) (relaying.State, error) {
	state, err := s.loadFrom(ctx, s.db.pool, log, lane)
	if err != nil {
		return relaying.State{}, fmt.Errorf("load lane %d: %w", lane, Wrap(ctx, err))
	}
	return state, nil
}

func (*RelayStore) loadFrom(ctx context.Context, from sqlx.QueryerContext, log uuid.UUID, lane int) (relaying.State, error) {
	var row laneRow
	err := sqlx.GetContext(ctx, from, &row, `SELECT `+laneColumns+` FROM tenon.relay_progress WHERE log = $1 AND lane = $2`, log, lane)
	if errors.Is(err, sql.ErrNoRows) {
		return relaying.State{}, nil
	}
	if err != nil {
		return relaying.State{}, err
	}
	var keys []parkedRow
	err = sqlx.SelectContext(ctx, from, &keys, `SELECT `+parkedColumns+` FROM tenon.relay_parked WHERE log = $1 AND lane = $2
		ORDER BY position`, log, lane)
	if err != nil {
		return relaying.State{}, err
	}
	state := relaying.State{}
	for i := range keys {
		state.Parked = append(state.Parked, keys[i].parked())
	}
	state.Progress, err = row.progress()
	return state, err
}

// saveSQL stores the progress $1, which is JSON, if it is the next one. Without a row it is when it is a lane's first batch,
// or the first of a lane that an earlier layout didn't have.
const saveSQL = `
INSERT INTO tenon.relay_progress AS p (` + laneColumns + `)
SELECT ` + laneColumns + ` FROM jsonb_to_recordset($1::jsonb) AS r (` + laneTypes + `)
WHERE r.batches <= 1 OR r.epoch > 1 OR EXISTS (SELECT FROM tenon.relay_progress x WHERE x.log = r.log AND x.lane = r.lane)
ON CONFLICT (log, lane) DO UPDATE SET "of" = excluded."of", epoch = excluded.epoch, timeline = excluded.timeline,
    s1 = excluded.s1, s2 = excluded.s2, low = excluded.low, position = excluded.position, batches = excluded.batches,
    reported = CASE WHEN p.epoch = excluded.epoch THEN p.reported ELSE 0 END,
    last_position = excluded.last_position, last_event = excluded.last_event, closed = excluded.closed,
    updated_at = clock_timestamp()
WHERE (p.epoch = excluded.epoch AND NOT p.closed AND p.batches = excluded.batches - 1)
    OR (p.epoch < excluded.epoch AND p.closed)`

// Save implements relaying.Store.
func (s *RelayStore) Save(ctx context.Context, b relaying.Batch) error {
	if err := s.save(ctx, &b); err != nil {
		return fmt.Errorf("save batch %d of lane %d: %w", b.Progress.Batches, b.Progress.Lane.Number, Wrap(ctx, err))
	}
	return nil
}

func (s *RelayStore) save(ctx context.Context, b *relaying.Batch) error {
	row, err := laneRowOf(b.Progress)
	if err != nil {
		return err
	}
	if len(b.Park)+len(b.Release) == 0 {
		return saveLane(ctx, s.db.pool, row)
	}
	tx, err := s.db.beginStatements(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // it does nothing after Commit
	if err := saveLane(ctx, tx, row); err != nil {
		return err
	}
	if err := saveParked(ctx, tx, b); err != nil {
		return err
	}
	return tx.Commit()
}

func saveLane(ctx context.Context, to sqlx.ExecerContext, row laneRow) error {
	text, err := json.Marshal([]laneRow{row})
	if err != nil {
		return err
	}
	result, err := to.ExecContext(ctx, saveSQL, string(text))
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		return relaying.ErrFenced
	}
	return err
}

func saveParked(ctx context.Context, tx *sqlx.Tx, b *relaying.Batch) error {
	const release = `DELETE FROM tenon.relay_parked WHERE log = $1 AND lane = $2 AND aggregate_type = $3 AND aggregate_id = $4`
	for _, key := range b.Release {
		_, err := tx.ExecContext(ctx, release, b.Progress.Log, b.Progress.Lane.Number, key.AggregateType, key.AggregateID)
		if err != nil {
			return err
		}
	}
	rows, err := parkedJSON(&b.Progress, b.Park)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, parkSQL, rows)
	return err
}
