package postgres

import (
	"context"
	"database/sql"
	"errors"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/eventlog"
)

var _ application.SnapshotStore = (*DB)(nil)

const (
	loadSnapshotSQL = `SELECT version, fold, state FROM tenon.snapshots WHERE aggregate_type = $1 AND aggregate_id = $2`
	saveSnapshotSQL = `
INSERT INTO tenon.snapshots AS s (aggregate_type, aggregate_id, version, fold, state) VALUES ($1, $2, $3, $4, $5::json)
ON CONFLICT (aggregate_type, aggregate_id) DO UPDATE
SET version = excluded.version, fold = excluded.fold, state = excluded.state, updated_at = clock_timestamp()
WHERE s.fold <> excluded.fold OR s.version < excluded.version`
)

// LoadSnapshot returns the aggregate's snapshot, or one of version 0.
func (db *DB) LoadSnapshot(ctx context.Context, tx eventlog.Tx, aggregateType, id string) (application.Snapshot, error) {
	s := application.Snapshot{Type: aggregateType, ID: id}
	rows, err := db.Querier(tx).QueryxContext(ctx, loadSnapshotSQL, aggregateType, id)
	if err != nil {
		return application.Snapshot{}, Wrap(ctx, err)
	}
	if !rows.Next() {
		return application.Snapshot{}, Wrap(ctx, errors.Join(rows.Err(), rows.Close()))
	}
	var state sql.RawBytes
	if err := rows.Scan(&s.Version, &s.Fold, &state); err != nil {
		return application.Snapshot{}, Wrap(ctx, errors.Join(err, rows.Close()))
	}
	s.State = append(s.State, state...)
	return s, Wrap(ctx, rows.Close())
}

// SaveSnapshot replaces the aggregate's snapshot, unless that one is of the same fold and at least as new.
func (db *DB) SaveSnapshot(ctx context.Context, s application.Snapshot) error {
	_, err := db.pool.ExecContext(ctx, saveSnapshotSQL, s.Type, s.ID, int64(s.Version), s.Fold, string(s.State))
	return Wrap(ctx, err)
}
