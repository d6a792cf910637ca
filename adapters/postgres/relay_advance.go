package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/tenon-go/tenon/application/eventlog"
)

// nextEpochSQL ends epoch $1, whose final cursor is $2. The old leases are locked in the order that a beat locks them in.
//
// What people see follows at once: the lanes of the new layout begin at $3, the snapshot of the final cursor, with the
// newest record that the old ones had out, and parked keys are in the lanes that their buckets are in now. What the
// target's own progress has put there before stays.
const nextEpochSQL = `
WITH moved AS (
    UPDATE tenon.relay_layout SET epoch = epoch + 1, lanes = next, next = 0, final = '', updated_at = clock_timestamp()
    WHERE epoch = $1 AND next <> 0 AND final = $2
        AND NOT EXISTS (SELECT FROM tenon.relay_lanes WHERE epoch = $1 AND NOT closed)
    RETURNING epoch, lanes, (SELECT id FROM tenon.log_identity) AS log
), old AS MATERIALIZED (
    SELECT l.epoch, l.lane FROM tenon.relay_lanes l
    WHERE l.epoch < (SELECT epoch FROM moved) ORDER BY l.epoch, l.lane FOR UPDATE
), ended AS (
    DELETE FROM tenon.relay_lanes l USING old WHERE l.epoch = old.epoch AND l.lane = old.lane
), begun AS (
    INSERT INTO tenon.relay_progress AS p (log, lane, "of", epoch, timeline, s1, batches, last_position, last_event)
    SELECT m.log, g.lane, m.lanes, m.epoch, newest.timeline, $3::pg_snapshot, 0, newest.last_position, newest.last_event
    FROM moved m CROSS JOIN generate_series(0, m.lanes - 1) g (lane) CROSS JOIN LATERAL (
        SELECT timeline, last_position, last_event FROM tenon.relay_progress
        WHERE log = m.log ORDER BY last_position DESC LIMIT 1) newest
    ON CONFLICT (log, lane) DO UPDATE SET "of" = excluded."of", epoch = excluded.epoch, timeline = excluded.timeline,
        s1 = excluded.s1, s2 = NULL, low = 0, position = 0, batches = 0, reported = 0, last_position = excluded.last_position,
        last_event = excluded.last_event, closed = false, node = '', updated_at = clock_timestamp()
    WHERE p.epoch < excluded.epoch
), strayed AS MATERIALIZED (
    SELECT k.*, ((k.bucket + 1) * m.lanes - 1) / 1024 AS home FROM moved m JOIN tenon.relay_parked k ON k.log = m.log
    WHERE k.lane <> ((k.bucket + 1) * m.lanes - 1) / 1024
), rehomed AS (
    INSERT INTO tenon.relay_parked (log, lane, aggregate_type, aggregate_id, bucket, position, event, topic, reason, since, attempts, after_cursor)
    SELECT log, home, aggregate_type, aggregate_id, bucket, position, event, topic, reason, since, attempts, after_cursor
    FROM strayed
    ON CONFLICT DO NOTHING
), left_behind AS (
    DELETE FROM tenon.relay_parked k USING strayed s
    WHERE k.log = s.log AND k.lane = s.lane AND k.aggregate_type = s.aggregate_type AND k.aggregate_id = s.aggregate_id
)
INSERT INTO tenon.relay_lanes (epoch, lane) SELECT epoch, generate_series(0, lanes - 1) FROM moved`

// Advance implements relaying.Layouts. An error when a lane hasn't closed, or Final isn't set.
func (m *RelayMembers) Advance(ctx context.Context, epoch int64) error {
	if err := m.advance(ctx, epoch); err != nil {
		return fmt.Errorf("advance from epoch %d: %w", epoch, Wrap(ctx, err))
	}
	return nil
}

func (m *RelayMembers) advance(ctx context.Context, epoch int64) error {
	var final string
	err := m.db.pool.GetContext(ctx, &final, `SELECT final FROM tenon.relay_layout WHERE epoch = $1`, epoch)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	case final == "":
		return errors.New("where it ends isn't set: freeze it first")
	}
	c, err := ParseCursor(eventlog.Cursor(final))
	if err != nil {
		return err
	}
	if done, err := m.did(ctx, nextEpochSQL, epoch, final, c.Before.String()); done || err != nil {
		return err
	}
	return m.why(ctx, epoch, `true`, `NOT l.closed`, "has not closed")
}
