package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// HandOver lets the relay of TENON_RELAY=watermill go on where the only lane is, as far as that has reported: what it sent
// since comes again, and nothing is left out. Call it before that relay starts. It does nothing where no lane has
// reported on this log since the last handover.
//
// The error wraps [relaying.ErrLanes] when a person must do something first: there are several lanes, the number is
// being changed, or keys are parked, whose records the other relay would never see. It wraps eventlog.ErrUnavailable
// while a node still has the lane.
//
// What the board shows of the lane is removed, so that tenon.outbox follows the other relay.
func (d *RelayDesk) HandOver(ctx context.Context) error {
	if err := d.handOver(ctx); err != nil {
		return fmt.Errorf("go on where the lanes stopped: %w", Wrap(ctx, err))
	}
	return nil
}

func (d *RelayDesk) handOver(ctx context.Context) error {
	tx, err := d.db.beginStatements(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // it does nothing after Commit
	if _, err := tx.ExecContext(ctx, `SELECT FROM tenon.relay_layout FOR UPDATE`); err != nil {
		return err
	}
	var lanes []struct {
		Log    uuid.UUID `db:"log"`
		Of     int       `db:"of"`
		Next   int       `db:"next"`
		Parked int       `db:"parked"`
	}
	// Rows of lanes that an earlier layout had more stay behind.
	err = tx.SelectContext(ctx, &lanes, `SELECT p.log, greatest(p."of", coalesce(y.lanes, 1)) AS "of", coalesce(y.next, 0) AS next,
			(SELECT count(*) FROM tenon.relay_parked k WHERE k.log = p.log) AS parked
		FROM tenon.relay_progress p JOIN tenon.log_identity i ON i.id = p.log LEFT JOIN tenon.relay_layout y ON true
		ORDER BY p.epoch DESC LIMIT 1`)
	if err != nil || len(lanes) == 0 {
		return err
	}
	switch l := lanes[0]; {
	case l.Next != 0:
		return fmt.Errorf("%w: a change to %d lanes is under way; run TENON_RELAY=exactly-once until `tenon relay status` shows that it is done",
			relaying.ErrLanes, l.Next)
	case l.Of != 1:
		return fmt.Errorf("%w: there are %d lanes; with TENON_RELAY=exactly-once run `tenon relay lanes 1` and wait until it is done", relaying.ErrLanes, l.Of)
	case l.Parked != 0:
		return fmt.Errorf("%w: %d keys are parked; with TENON_RELAY=exactly-once run `tenon relay parked`, then retry or skip them", relaying.ErrLanes, l.Parked)
	}
	if err := nobodyRelays(ctx, tx); err != nil {
		return err
	}
	if err := moveToGroup(ctx, tx, lanes[0].Log); err != nil {
		return err
	}
	return tx.Commit()
}

// nobodyRelays locks the leases, so that nobody takes one until the transaction ends.
func nobodyRelays(ctx context.Context, tx *sqlx.Tx) error {
	var owners []struct {
		Owner string    `db:"owner"`
		Ends  time.Time `db:"expires_at"`
		Alive bool      `db:"alive"`
	}
	err := tx.SelectContext(ctx, &owners, `SELECT coalesce(owner, '') AS owner, coalesce(expires_at, statement_timestamp()) AS expires_at,
		coalesce(expires_at > statement_timestamp(), false) AS alive FROM tenon.relay_lanes ORDER BY epoch, lane FOR UPDATE`)
	if err != nil {
		return err
	}
	for _, o := range owners {
		if o.Alive {
			return fmt.Errorf("%w: node %s has the lane until %s; stop it, or wait", eventlog.ErrUnavailable, o.Owner, o.Ends.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// moveToGroup keeps the count of the group's batches, which numbers their history.
func moveToGroup(ctx context.Context, tx *sqlx.Tx, log uuid.UUID) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO tenon.cursors AS c (name, log, s1, s2, low, position, batches)
		SELECT $2, p.log, p.s1, p.s2, p.low, p.position,
			coalesce((SELECT max(number) FROM tenon.relay_batches WHERE name = $2), 0)
		FROM tenon.relay_progress p WHERE p.log = $1 AND p.lane = 0
		ON CONFLICT (name) DO UPDATE SET log = excluded.log, s1 = excluded.s1, s2 = excluded.s2, low = excluded.low,
			position = excluded.position, batches = greatest(c.batches, excluded.batches), updated_at = clock_timestamp()`, log, RelayGroup)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM tenon.relay_progress WHERE log = $1`, log)
	return err
}
