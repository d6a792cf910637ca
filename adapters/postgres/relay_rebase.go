package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

var (
	_ relaying.Copies = (*RelayStore)(nil)
	_ relaying.Survey = (*LaneLog)(nil)
)

// newestSQL walks down from the newest record to one that is passed: what is not passed lies on the way.
const newestSQL = `
SELECT e.position, e.event_id FROM tenon.events AS e
WHERE pg_visible_in_snapshot(e.xid, $1::pg_snapshot) OR e.position <= $2 AND pg_visible_in_snapshot(e.xid, $3::pg_snapshot)
ORDER BY e.position DESC LIMIT 1`

// Newest implements relaying.Survey.
func (l *LaneLog) Newest(ctx context.Context, passed eventlog.Cursor) (relaying.Mark, error) {
	c, err := l.ours(ctx, passed)
	if err != nil {
		return relaying.Mark{}, err
	}
	var row struct {
		Position int64     `db:"position"`
		Event    uuid.UUID `db:"event_id"`
	}
	err = l.db.pool.GetContext(ctx, &row, newestSQL, c.Before.String(), c.Position, c.Window.String())
	if errors.Is(err, sql.ErrNoRows) {
		return relaying.Mark{}, nil
	}
	return relaying.Mark(row), Wrap(ctx, err)
}

// leftSQL counts the records from transaction $1 on and of those in $2, which ran before, in the buckets from $3 to before
// $4, that the cursor $5, $6, $7 hasn't passed; it stops after $8.
const leftSQL = `
SELECT count(*) AS events, min(recorded_at) AS oldest FROM (
    SELECT e.recorded_at FROM (
        SELECT xid, position, bucket, recorded_at FROM tenon.events WHERE xid = ANY ($2::xid8[])
        UNION ALL
        SELECT xid, position, bucket, recorded_at FROM tenon.events WHERE xid >= $1::xid8
    ) AS e
    WHERE e.bucket >= $3::smallint AND e.bucket < $4::smallint AND NOT pg_visible_in_snapshot(e.xid, $5::pg_snapshot)
        AND NOT (e.position <= $6 AND pg_visible_in_snapshot(e.xid, $7::pg_snapshot))
    LIMIT $8
) AS unpassed`

// Left implements relaying.Survey. It costs as much as it counts in all lanes.
func (l *LaneLog) Left(ctx context.Context, lane relaying.Lane, at eventlog.Cursor, most int) (relaying.Lag, error) {
	c, err := l.ours(ctx, at)
	if err != nil {
		return relaying.Lag{}, err
	}
	var row struct {
		Events int          `db:"events"`
		Oldest sql.NullTime `db:"oldest"`
	}
	from, to := lane.Buckets()
	err = l.db.pool.GetContext(ctx, &row, leftSQL, xidText(max(c.Before.Xmax, 1)), xidArray(c.Before.Running), from, to,
		c.Before.String(), c.Position, c.Window.String(), most+1)
	if err != nil {
		return relaying.Lag{}, Wrap(ctx, err)
	}
	return relaying.Lag{Events: min(row.Events, most), More: row.Events > most, Oldest: utc(row.Oldest)}, nil
}

// ours parses a cursor and refuses one of another log.
func (l *LaneLog) ours(ctx context.Context, text eventlog.Cursor) (Cursor, error) {
	c, err := ParseCursor(text)
	if err != nil || c.Log == (uuid.UUID{}) {
		return c, err
	}
	return c, changed(Wrap(ctx, l.db.checkLog(ctx, c.Log)))
}

// NoteRebase records who decides where the lanes go on, before it is done, and returns the number of the record.
func (d *RelayDesk) NoteRebase(ctx context.Context, r relaying.Rebase) (int64, error) {
	var id int64
	err := d.db.pool.GetContext(ctx, &id, `INSERT INTO tenon.relay_rebases (log, timeline, epoch, destination, decided_by, reason)
		VALUES ($1, $2, $3, $4, $5, $6) RETURNING id`, r.Identity.Log, r.Identity.Timeline, r.Epoch, r.To, r.By, r.Reason)
	if err != nil {
		return 0, fmt.Errorf("record the rebase: %w", Wrap(ctx, err))
	}
	return id, nil
}

// RebaseDone records how a rebase ended: with nil when every lane was moved.
func (d *RelayDesk) RebaseDone(ctx context.Context, id int64, outcome error) error {
	text := ""
	if outcome != nil {
		text = storable(outcome)
	}
	_, err := d.db.pool.ExecContext(ctx, `UPDATE tenon.relay_rebases SET done_at = clock_timestamp(), outcome = $2 WHERE id = $1`, id, text)
	if err != nil {
		return fmt.Errorf("record the end of rebase %d: %w", id, Wrap(ctx, err))
	}
	return nil
}
