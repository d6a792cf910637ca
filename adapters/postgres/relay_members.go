package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/lib/pq"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// maxNode bounds a node's name in characters.
const maxNode = 200

// RelayMembers keeps the relays' leases and the layout in tables beside the log. Times are the server's. Safe for
// concurrent use, by any number of processes.
type RelayMembers struct{ db *DB }

var (
	_ relaying.Members = (*RelayMembers)(nil)
	_ relaying.Layouts = (*RelayMembers)(nil)
)

// NewRelayMembers returns the members of db's relays.
func NewRelayMembers(db *DB) *RelayMembers { return &RelayMembers{db: db} }

// presentSQL says that node $1 is there for $3 microseconds, forgets nodes that are long gone, and makes the layout with
// $2 lanes if there is none. It is a statement of its own: the next one counts what it wrote, and holds no row of a
// node while it waits for one of a lane.
const presentSQL = `
WITH node AS (
    INSERT INTO tenon.relay_nodes AS n (node, joined_at, expires_at)
    VALUES ($1, statement_timestamp(), statement_timestamp() + $3::bigint * interval '1 microsecond')
    ON CONFLICT (node) DO UPDATE SET expires_at = excluded.expires_at,
        joined_at = CASE WHEN n.expires_at > statement_timestamp() THEN n.joined_at ELSE excluded.joined_at END
), gone AS (
    DELETE FROM tenon.relay_nodes WHERE node IN (
        SELECT node FROM tenon.relay_nodes
        WHERE expires_at < statement_timestamp() - interval '1 hour' AND node <> $1 FOR UPDATE SKIP LOCKED)
), made AS (
    INSERT INTO tenon.relay_layout (epoch, lanes) SELECT 1, $2::integer
    WHERE NOT EXISTS (SELECT FROM tenon.relay_layout) ON CONFLICT DO NOTHING RETURNING epoch, lanes
)
INSERT INTO tenon.relay_lanes (epoch, lane) SELECT epoch, generate_series(0, lanes - 1) FROM made`

// beatSQL renews, takes and gives back leases of node $1 for $2 microseconds, and returns one row for [beat].
//
// Of L lanes and N nodes the node of rank r, from 0 by age, gets (L - r) / N rounded up: together all lanes, and a node
// that comes or goes changes nobody's share in both directions. The node's own rows are locked in the order of lanes,
// and waited for: another node may be taking an expired one. Only then are free ones locked, without waiting. So nobody
// waits who holds what another one waits for. A row that was changed meanwhile is looked at again by the lock.
const beatSQL = `
WITH layout AS MATERIALIZED (
    SELECT epoch, lanes, next, final FROM tenon.relay_layout
), alive AS MATERIALIZED (
    SELECT count(*)::integer AS nodes, (count(*) FILTER (WHERE (n.joined_at, n.node) < (me.joined_at, me.node)))::integer AS rank
    FROM tenon.relay_nodes n, (SELECT joined_at, node FROM tenon.relay_nodes WHERE node = $1) me
    WHERE n.expires_at > statement_timestamp() OR n.node = $1
), share AS MATERIALIZED (
    SELECT (lanes - rank + nodes - 1) / nodes AS most FROM layout, alive
), own AS MATERIALIZED (
    SELECT l.epoch, l.lane FROM tenon.relay_lanes l
    WHERE l.epoch = (SELECT epoch FROM layout) AND l.owner = $1 ORDER BY l.lane FOR UPDATE
), free AS MATERIALIZED (
    SELECT l.epoch, l.lane FROM tenon.relay_lanes l
    WHERE l.epoch = (SELECT epoch FROM layout) AND (l.owner IS NULL OR l.owner <> $1 AND l.expires_at <= statement_timestamp())
    ORDER BY l.lane LIMIT greatest((SELECT most FROM share) - (SELECT count(*) FROM own), 0) FOR UPDATE SKIP LOCKED
), wanted AS MATERIALIZED (
    SELECT epoch, lane, false AS fresh, row_number() OVER (ORDER BY lane) <= (SELECT most FROM share) AS keep FROM own
    UNION ALL
    SELECT epoch, lane, true, true FROM free
), leased AS (
    UPDATE tenon.relay_lanes l SET owner = CASE WHEN w.keep THEN $1 END,
        expires_at = CASE WHEN w.keep THEN statement_timestamp() + $2::bigint * interval '1 microsecond' END,
        token = l.token + w.fresh::integer
    FROM wanted w WHERE l.epoch = w.epoch AND l.lane = w.lane RETURNING l.lane, l.owner
)
SELECT epoch, lanes, next, final, nodes,
    ARRAY(SELECT lane::bigint FROM leased WHERE owner = $1 ORDER BY lane) AS leased,
    ARRAY(SELECT held FROM tenon.relay_lanes WHERE epoch = layout.epoch ORDER BY lane) AS held,
    ARRAY(SELECT closed FROM tenon.relay_lanes WHERE epoch = layout.epoch ORDER BY lane) AS closed
FROM layout, alive`

// beat is the row of [beatSQL].
type beat struct {
	Epoch  int64          `db:"epoch"`
	Lanes  int            `db:"lanes"`
	Next   int            `db:"next"`
	Final  string         `db:"final"`
	Nodes  int            `db:"nodes"`
	Leased pq.Int64Array  `db:"leased"`
	Held   pq.StringArray `db:"held"`
	Closed pq.BoolArray   `db:"closed"`
}

func (b *beat) assignment() relaying.Assignment {
	a := relaying.Assignment{
		Layout: relaying.Layout{Epoch: b.Epoch, Lanes: b.Lanes, Next: b.Next, Final: eventlog.Cursor(b.Final)},
		Nodes:  b.Nodes,
	}
	for _, lane := range b.Leased {
		a.Lanes = append(a.Lanes, int(lane))
	}
	if b.Next == 0 {
		return a
	}
	a.Closed = b.Closed
	for _, held := range b.Held {
		a.Held = append(a.Held, eventlog.Cursor(held))
	}
	return a
}

// Beat implements relaying.Members. A node's name has 1 to 200 characters and is one process's alone.
func (m *RelayMembers) Beat(ctx context.Context, node string, lanes int, lease time.Duration) (relaying.Assignment, error) {
	if err := checkBeat(node, lanes, lease); err != nil {
		return relaying.Assignment{}, fmt.Errorf("beat of a relay: %w", err)
	}
	var b beat
	_, err := m.db.pool.ExecContext(ctx, presentSQL, node, lanes, lease.Microseconds())
	if err == nil {
		err = m.db.pool.GetContext(ctx, &b, beatSQL, node, lease.Microseconds())
	}
	if err != nil {
		return relaying.Assignment{}, fmt.Errorf("beat of relay %s: %w", node, Wrap(ctx, err))
	}
	return b.assignment(), nil
}

func checkBeat(node string, lanes int, lease time.Duration) error {
	if err := checkText("node", node, 1, maxNode); err != nil {
		return err
	}
	if err := checkLanes(lanes); err != nil {
		return err
	}
	if lease < time.Millisecond {
		return fmt.Errorf("lease is %s: want a millisecond or more", lease)
	}
	return nil
}

func checkLanes(lanes int) error {
	if lanes < 1 || lanes > relaying.MaxLanes {
		return fmt.Errorf("%d lanes: want 1 to %d", lanes, relaying.MaxLanes)
	}
	return nil
}

// leaveSQL locks the lanes in the order that a beat does.
const leaveSQL = `
WITH node AS (
    DELETE FROM tenon.relay_nodes WHERE node = $1
), own AS MATERIALIZED (
    SELECT epoch, lane FROM tenon.relay_lanes WHERE owner = $1 ORDER BY epoch, lane FOR UPDATE
)
UPDATE tenon.relay_lanes l SET owner = NULL, expires_at = NULL FROM own WHERE l.epoch = own.epoch AND l.lane = own.lane`

// Leave implements relaying.Members. A node that isn't there is no error.
func (m *RelayMembers) Leave(ctx context.Context, node string) error {
	if _, err := m.db.pool.ExecContext(ctx, leaveSQL, node); err != nil {
		return fmt.Errorf("leave of relay %s: %w", node, Wrap(ctx, err))
	}
	return nil
}
