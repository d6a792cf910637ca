package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
)

const (
	makeLanesSQL = `
INSERT INTO tenon.projection_lanes (projection, version, lane, lanes)
SELECT $1, $2, lane, $3 FROM generate_series(0, $3::integer - 1) AS lane
WHERE NOT EXISTS (SELECT FROM tenon.projection_lanes WHERE projection = $1 AND version = $2)
ON CONFLICT DO NOTHING`

	lanesSQL = `
SELECT lane, lanes FROM tenon.projection_lanes WHERE projection = $1 AND version = $2 ORDER BY lane`

	claimLaneSQL = `
UPDATE tenon.projection_lanes SET owner = $4, lease_until = now() + make_interval(secs => $5)
WHERE projection = $1 AND version = $2 AND lane = $3 AND (owner = $4 OR lease_until < now())`

	placeOfLaneSQL = `SELECT next_offset, cursor FROM tenon.projection_lanes WHERE projection = $1 AND version = $2 AND lane = $3`

	// As for checkpoints, what is returned is the transaction's proof.
	advanceLaneSQL = `
UPDATE tenon.projection_lanes SET next_offset = $5, cursor = $6, owner = $7, lease_until = now() + make_interval(secs => $8), updated_at = now()
WHERE projection = $1 AND version = $2 AND lane = $3 AND next_offset = $4
RETURNING pg_current_xact_id()::text, now(), pg_postmaster_start_time(),
    set_config('idle_in_transaction_session_timeout', '5s', true), ` + patience

	storeLaneSQL = `
UPDATE tenon.projection_lanes SET next_offset = next_offset + 1, cursor = $5, lease_until = now() + make_interval(secs => $6), updated_at = now()
WHERE projection = $1 AND version = $2 AND lane = $3 AND next_offset = $4`

	releaseLanesSQL = `
UPDATE tenon.projection_lanes SET owner = NULL, lease_until = '-infinity' WHERE projection = $1 AND version = $2 AND owner = $3`
)

// feedLane is what never changes of a row of tenon.projection_lanes.
type feedLane struct {
	Lane  int `db:"lane"`
	Lanes int `db:"lanes"`
}

// rows returns the version's lanes, which it makes if there are none, and the log's identity.
func (f *ProjectionLog) rows(ctx context.Context) ([]feedLane, uuid.UUID, error) {
	p := &f.cfg.Projection
	log, err := f.db.LogIdentity(ctx)
	if err != nil {
		return nil, log, err
	}
	if _, err := f.db.pool.ExecContext(ctx, makeLanesSQL, p.Name, p.Version, f.cfg.Lanes); err != nil {
		return nil, log, Wrap(ctx, err)
	}
	var rows []feedLane
	err = f.db.pool.SelectContext(ctx, &rows, lanesSQL, p.Name, p.Version)
	if err == nil && (len(rows) == 0 || len(rows) != rows[0].Lanes) {
		err = fmt.Errorf("%d rows of projection %s v%d in tenon.projection_lanes, want one for each lane", len(rows), p.Name, p.Version)
	}
	return rows, log, Wrap(ctx, err)
}

// claim takes the lane unless another node works on it.
func (l *projectionLane) claim(ctx context.Context) (bool, error) {
	n, err := l.update(ctx, claimLaneSQL, l.feed.me, l.feed.cfg.Lease.Seconds())
	l.written = time.Now()
	return n > 0, err
}

// store stores a place that no row goes with; false when somebody else has moved the lane.
func (l *projectionLane) store(ctx context.Context) (bool, error) {
	n, err := l.update(ctx, storeLaneSQL, l.next, string(l.cursor), l.feed.cfg.Lease.Seconds())
	l.written = time.Now()
	if err != nil || n == 0 {
		return false, err
	}
	l.next++
	l.stored = l.cursor
	return true, nil
}

func (l *projectionLane) update(ctx context.Context, query string, args ...any) (int64, error) {
	p := &l.feed.cfg.Projection
	result, err := l.feed.db.pool.ExecContext(ctx, query, append([]any{p.Name, p.Version, l.number}, args...)...)
	if err != nil {
		return 0, Wrap(ctx, err)
	}
	return result.RowsAffected()
}

// release lets others have the lanes at once. Whom that doesn't reach waits for the lease's end.
func (f *ProjectionLog) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = f.db.pool.ExecContext(ctx, releaseLanesSQL, f.cfg.Projection.Name, f.cfg.Projection.Version, f.me)
}

// Next returns the lane's stored offset.
func (f *ProjectionLog) Next(ctx context.Context, name string, version int, p projection.Partition) (int64, error) {
	l, err := f.lane(p)
	if err != nil {
		return projection.None, err
	}
	var next int64
	var cursor eventlog.Cursor
	err = f.db.pool.QueryRowContext(ctx, placeOfLaneSQL, name, version, p.Number).Scan(&next, &cursor)
	if errors.Is(err, sql.ErrNoRows) {
		return projection.None, fmt.Errorf("%w: projection %s v%d doesn't read the log any more", projection.ErrElsewhere, name, version)
	}
	if err != nil {
		return projection.None, Wrap(ctx, err)
	}
	l.next, l.cursor, l.stored = next, cursor, cursor
	return next, nil
}

// Advance moves the lane's place within tx, as Checkpoints says.
func (f *ProjectionLog) Advance(ctx context.Context, tx eventlog.Tx, name string, version int, p projection.Partition, from, to int64) error {
	l, err := f.lane(p)
	if err != nil {
		return err
	}
	cursor, err := l.page.cursor(to)
	if err != nil {
		return fmt.Errorf("advance projection %s from %d to %d: %w", name, from, to, err)
	}
	moved, err := own(tx).advance(ctx, advanceLaneSQL, name, version, p.Number, from, to, string(cursor), f.me, f.cfg.Lease.Seconds())
	if err == nil && !moved {
		return fmt.Errorf("%w: projection %s v%d on lane %d of the log isn't at %d", projection.ErrMoved, name, version, p.Number, from)
	}
	return err
}

// Fresh implements projection.Checkpoints.
func (f *ProjectionLog) Fresh(
	ctx context.Context, tx eventlog.Tx, name string, version int, batch []projection.Event,
) ([]projection.Event, error) {
	return f.db.Fresh(ctx, tx, name, version, batch)
}
