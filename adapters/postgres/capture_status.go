package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// MostUnsent is where counting [CaptureStatus.Unsent] stops.
const MostUnsent = 1000

// CaptureStatus is how a slot and its reader are.
type CaptureStatus struct {
	Slot   string
	Active bool  // somebody reads it
	Lost   bool  // the server has thrown away what the reader hasn't read: max_slot_wal_keep_size
	Behind int64 // bytes of write-ahead log that the reader hasn't confirmed, those of other databases among them
	Kept   int64 // bytes that the server keeps for it

	MadeAt time.Time // by [Capture.Make]; zero: somebody else made it
	// Unsent is the number of events from before the slot that no relay has sent: the reader won't send them. Counting stops at [MostUnsent].
	Unsent int
}

// captureRow is a slot with what is noted of it.
type captureRow struct {
	Active    bool          `db:"active"`
	Lost      bool          `db:"lost"`
	Behind    sql.NullInt64 `db:"behind"`
	Kept      sql.NullInt64 `db:"kept"`
	MadeAt    sql.NullTime  `db:"made_at"`
	Last      sql.NullInt64 `db:"last"`
	RelayedAt sql.NullTime  `db:"relayed_at"`
}

// Status returns how the slot and its reader are. The error wraps [ErrNoCapture] if there is no slot.
func (c *Capture) Status(ctx context.Context) (CaptureStatus, error) {
	s := CaptureStatus{Slot: c.slot}
	var row captureRow
	err := c.db.pool.GetContext(ctx, &row, `SELECT s.active, s.wal_status = 'lost' AS lost,
			pg_wal_lsn_diff(pg_current_wal_lsn(), s.confirmed_flush_lsn)::bigint AS behind,
			pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::bigint AS kept, c.made_at, c.last_position AS last, c.relayed_at
		FROM pg_replication_slots s
		LEFT JOIN tenon.captures c ON c.slot = s.slot_name AND c.log = (SELECT id FROM tenon.log_identity)
		WHERE s.slot_name = $1 AND s.database = current_database()`, c.slot)
	if errors.Is(err, sql.ErrNoRows) {
		return s, fmt.Errorf("%w %s", ErrNoCapture, c.slot)
	}
	if err != nil {
		return s, fmt.Errorf("status of replication slot %s: %w", c.slot, Wrap(ctx, err))
	}
	s.Active, s.Lost, s.Behind, s.Kept, s.MadeAt = row.Active, row.Lost, max(0, row.Behind.Int64), max(0, row.Kept.Int64), utc(row.MadeAt)
	if row.Last.Int64 > 0 && !row.RelayedAt.Valid {
		if s.Unsent, err = c.unsent(ctx, row.Last.Int64); err != nil {
			return s, fmt.Errorf("events from before replication slot %s: %w", c.slot, Wrap(ctx, err))
		}
	}
	return s, nil
}

// unsent counts what no relay has sent up to a position. That there is nothing is noted: once no relay runs, everything since is
// unsent to it, and counting would read all of that again and again.
func (c *Capture) unsent(ctx context.Context, last int64) (n int, err error) {
	err = c.db.pool.GetContext(ctx, &n, `SELECT count(*) FROM
		(SELECT FROM tenon.outbox WHERE NOT sent AND position <= $1 LIMIT $2) o`, last, MostUnsent)
	if err == nil && n == 0 {
		_, err = c.db.pool.ExecContext(ctx, `UPDATE tenon.captures SET relayed_at = clock_timestamp()
			WHERE slot = $1 AND last_position = $2 AND relayed_at IS NULL`, c.slot, last)
	}
	return n, err
}
