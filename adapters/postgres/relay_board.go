package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// RelayBoardConfig says how much the board remembers.
type RelayBoardConfig struct {
	// History is how many spans, of all lanes together, the outbox view can tell the time of. Default 100,000.
	History int
}

// RelayBoard keeps what relays report, and what people ask of them, in tables beside the log. Safe for concurrent use.
type RelayBoard struct {
	db      *DB
	history int
	reports atomic.Int64 // counts Report, for pruning
}

var _ relaying.Board = (*RelayBoard)(nil)

// NewRelayBoard returns the board of db.
func NewRelayBoard(db *DB, cfg RelayBoardConfig) (*RelayBoard, error) {
	if cfg.History < 0 {
		return nil, fmt.Errorf("relay's board: History is %d: want 1 or more, or 0 for 100,000", cfg.History)
	}
	if cfg.History == 0 {
		cfg.History = 100_000
	}
	return &RelayBoard{db: db, history: cfg.History}, nil
}

// Origin implements relaying.Board. A lane begins where the relay of TENON_RELAY=watermill stopped, if that one ran on
// this log. When that one's place is of another log, the error wraps relaying.ErrLogChanged.
func (b *RelayBoard) Origin(ctx context.Context, lane int) (eventlog.Cursor, error) {
	c, err := b.origin(ctx, lane)
	if err != nil {
		return "", fmt.Errorf("begin lane %d: %w", lane, Wrap(ctx, err))
	}
	return c, nil
}

func (b *RelayBoard) origin(ctx context.Context, lane int) (eventlog.Cursor, error) {
	log, err := b.db.LogIdentity(ctx)
	if err != nil {
		return "", err
	}
	var seen laneRow
	err = b.db.pool.GetContext(ctx, &seen, `SELECT `+laneColumns+` FROM tenon.relay_progress
		WHERE log = $1 AND (lane = $2 OR epoch > 1) ORDER BY lane = $2 DESC, lane LIMIT 1`, log, lane)
	switch {
	case err == nil:
		return "", fmt.Errorf("%w: lane %d of %d was seen in layout %d after %d batches, and its target knows nothing of lane %d; "+
			"if the target's record of it is gone for good, tenon relay rebase says from where to go on",
			relaying.ErrProgressLost, seen.Lane, seen.Of, seen.Epoch, seen.Batches, lane)
	case !errors.Is(err, sql.ErrNoRows):
		return "", err
	}
	return b.whereWatermillStopped(ctx, log)
}

func (b *RelayBoard) whereWatermillStopped(ctx context.Context, log uuid.UUID) (eventlog.Cursor, error) {
	var c struct {
		Log      uuid.UUID `db:"log"`
		S1       string    `db:"s1"`
		S2       *string   `db:"s2"`
		Low      int64     `db:"low"`
		Position int64     `db:"position"`
	}
	err := b.db.pool.GetContext(ctx, &c, `SELECT log, s1, s2, low, position FROM tenon.cursors WHERE name = $1`, RelayGroup)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", nil
	case err != nil:
		return "", err
	case c.Log != log:
		return "", fmt.Errorf("%w: the Watermill relay stopped in log %s, this is %s; delete the row %q of tenon.cursors to read this log from the beginning",
			relaying.ErrLogChanged, c.Log, log, RelayGroup)
	}
	return cursorOf(log, c.S1, c.S2, c.Low, c.Position)
}

// Requests implements relaying.Board.
func (b *RelayBoard) Requests(ctx context.Context, lanes []int, of int) ([]relaying.Request, error) {
	if err := checkLanes(of); err != nil {
		return nil, fmt.Errorf("open requests: %w", err)
	}
	numbers := make(pq.Int64Array, len(lanes))
	for i, lane := range lanes {
		numbers[i] = int64(lane)
	}
	var rows []requestRow
	err := b.db.pool.SelectContext(ctx, &rows, `SELECT `+requestColumns+` FROM tenon.relay_requests
		WHERE done_at IS NULL AND ((bucket + 1) * $2::integer - 1) / 1024 = ANY ($1::bigint[]) ORDER BY id`, numbers, of)
	if err != nil {
		return nil, fmt.Errorf("open requests: %w", Wrap(ctx, err))
	}
	var open []relaying.Request
	for i := range rows {
		open = append(open, rows[i].request())
	}
	return open, nil
}

// Done implements relaying.Board. A request that is closed stays as it is.
func (b *RelayBoard) Done(ctx context.Context, id int64, outcome string) error {
	if outcome != "" {
		outcome = storable(errors.New(outcome))
	}
	const done = `UPDATE tenon.relay_requests SET done_at = clock_timestamp(), outcome = $2 WHERE id = $1 AND done_at IS NULL`
	if _, err := b.db.pool.ExecContext(ctx, done, id, outcome); err != nil {
		return fmt.Errorf("close request %d: %w", id, Wrap(ctx, err))
	}
	return nil
}

// requestRow is a row of tenon.relay_requests.
type requestRow struct {
	ID            int64        `db:"id"`
	Kind          string       `db:"kind"`
	AggregateType string       `db:"aggregate_type"`
	AggregateID   string       `db:"aggregate_id"`
	Event         uuid.UUID    `db:"event"`
	By            string       `db:"asked_by"`
	Reason        string       `db:"reason"`
	At            time.Time    `db:"asked_at"`
	DoneAt        sql.NullTime `db:"done_at"`
	Outcome       string       `db:"outcome"`
}

const requestColumns = `id, kind, aggregate_type, aggregate_id, event, asked_by, reason, asked_at, done_at, outcome`

func (r *requestRow) request() relaying.Request {
	return relaying.Request{
		ID: r.ID, Kind: relaying.RequestKind(r.Kind), Key: relaying.Key{AggregateType: r.AggregateType, AggregateID: r.AggregateID},
		Event: r.Event, By: r.By, Reason: r.Reason, At: r.At.UTC(),
	}
}
