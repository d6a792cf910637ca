package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// RelayDesk is where people look how far the relays are, and ask for something to be done about parked keys. It reads what
// the relays report, so it may be a moment behind. Safe for concurrent use.
type RelayDesk struct{ db *DB }

// NewRelayDesk returns the desk of db's relays.
func NewRelayDesk(db *DB) *RelayDesk { return &RelayDesk{db: db} }

// Counting stops at maxLag unsent events of all lanes together, and at maxHeldBack records of a parked key.
const (
	maxLag      = 100_000
	maxHeldBack = 1000
)

// statusSQL returns a row for each lane of the layout in force.
const statusSQL = `
SELECT y.epoch, y.lanes, y.next, y.final, g.lane, coalesce(l.held, '') <> '' AS held, coalesce(l.closed, false) AS closed,
    CASE WHEN l.expires_at > statement_timestamp() THEN l.owner ELSE '' END AS owner,
    CASE WHEN l.expires_at > statement_timestamp() THEN l.expires_at END AS lease_ends,
    coalesce(p.batches, 0) AS batches, coalesce(p.last_position, 0) AS last, p.updated_at AS reported_at,
    coalesce(p.commit_micros, 0) AS commit_micros,
    (SELECT count(*) FROM tenon.relay_parked k
        WHERE k.log = i.id AND k.lane = g.lane AND k.lane = ((k.bucket + 1) * y.lanes - 1) / 1024) AS parked,
    (SELECT count(*) FROM tenon.relay_nodes n WHERE n.expires_at > statement_timestamp()) AS nodes,
    statement_timestamp() AS at
FROM tenon.relay_layout y
CROSS JOIN tenon.log_identity i
CROSS JOIN LATERAL generate_series(0, y.lanes - 1) g (lane)
LEFT JOIN tenon.relay_lanes l ON l.epoch = y.epoch AND l.lane = g.lane
LEFT JOIN tenon.relay_progress p ON p.log = i.id AND p.lane = g.lane AND p.epoch = y.epoch
ORDER BY g.lane`

// statusRow is a row of [statusSQL].
type statusRow struct {
	Epoch      int64        `db:"epoch"`
	Lanes      int          `db:"lanes"`
	Next       int          `db:"next"`
	Final      string       `db:"final"`
	Lane       int          `db:"lane"`
	Held       bool         `db:"held"`
	Closed     bool         `db:"closed"`
	Owner      string       `db:"owner"`
	LeaseEnds  sql.NullTime `db:"lease_ends"`
	Batches    int64        `db:"batches"`
	Last       int64        `db:"last"`
	ReportedAt sql.NullTime `db:"reported_at"`
	Commit     int64        `db:"commit_micros"`
	Parked     int          `db:"parked"`
	Nodes      int          `db:"nodes"`
	At         time.Time    `db:"at"`
}

// utc returns the zero time for NULL.
func utc(t sql.NullTime) time.Time {
	if !t.Valid {
		return time.Time{}
	}
	return t.Time.UTC()
}

// Status returns how far the lanes are. Its Layout is the zero one while no relay of lanes has run.
func (d *RelayDesk) Status(ctx context.Context) (relaying.Status, error) {
	var rows []statusRow
	if err := d.db.pool.SelectContext(ctx, &rows, statusSQL); err != nil {
		return relaying.Status{}, fmt.Errorf("status of the relay: %w", Wrap(ctx, err))
	}
	if len(rows) == 0 {
		return relaying.Status{}, nil
	}
	lags, err := d.lags(ctx, lanesOfRelay)
	if err != nil {
		return relaying.Status{}, fmt.Errorf("lag of the relay: %w", Wrap(ctx, err))
	}
	first := rows[0]
	s := relaying.Status{
		Layout: relaying.Layout{Epoch: first.Epoch, Lanes: first.Lanes, Next: first.Next, Final: eventlog.Cursor(first.Final)},
		Nodes:  first.Nodes, At: first.At.UTC(),
	}
	for _, r := range rows {
		if r.Held {
			s.Held++
		}
		if r.Closed {
			s.Closed++
		}
		s.Lanes = append(s.Lanes, relaying.LaneStatus{
			Lane: r.Lane, Owner: r.Owner, LeaseEnds: utc(r.LeaseEnds), Batches: r.Batches, Last: r.Last,
			ReportedAt: utc(r.ReportedAt), Commit: time.Duration(r.Commit) * time.Microsecond, Lag: lags.of(r.Lane), Parked: r.Parked,
		})
	}
	return s, nil
}

// Watermill returns how far the relay of TENON_RELAY=watermill is on this log; false when it never ran on it.
func (d *RelayDesk) Watermill(ctx context.Context) (relaying.GroupStatus, bool, error) {
	var row struct {
		Log       uuid.UUID `db:"log"`
		Batches   int64     `db:"batches"`
		UpdatedAt time.Time `db:"updated_at"`
	}
	err := d.db.pool.GetContext(ctx, &row, `SELECT c.log, c.batches, c.updated_at FROM tenon.cursors c
		JOIN tenon.log_identity i ON i.id = c.log WHERE c.name = $1`, RelayGroup)
	if errors.Is(err, sql.ErrNoRows) {
		return relaying.GroupStatus{}, false, nil
	}
	if err != nil {
		return relaying.GroupStatus{}, false, fmt.Errorf("status of the relay: %w", Wrap(ctx, err))
	}
	lags, err := d.lags(ctx, laneOfGroup)
	if err != nil {
		return relaying.GroupStatus{}, false, fmt.Errorf("lag of the relay: %w", Wrap(ctx, err))
	}
	return relaying.GroupStatus{Batches: row.Batches, UpdatedAt: row.UpdatedAt.UTC(), Lag: lags.of(0)}, true, nil
}
