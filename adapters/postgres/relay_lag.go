package postgres

import (
	"context"
	"time"

	"github.com/tenon-go/tenon/application/relaying"
)

// Where the lanes are. A lane that hasn't reported is where the group stopped, or at the beginning.
const (
	lanesOfRelay = `
    SELECT g.lane, y.lanes AS "of", coalesce(p.s1, c.s1, '1:1:'::pg_snapshot) AS s1,
           CASE WHEN p.s1 IS NOT NULL THEN p.s2 ELSE c.s2 END AS s2,
           CASE WHEN p.s1 IS NOT NULL THEN p.position ELSE c.position END AS position
    FROM tenon.relay_layout y
    CROSS JOIN LATERAL generate_series(0, y.lanes - 1) g (lane)
    LEFT JOIN tenon.relay_progress p ON p.log = (SELECT id FROM tenon.log_identity) AND p.lane = g.lane AND p.epoch = y.epoch
    LEFT JOIN tenon.cursors c ON c.name = 'relay' AND c.log = (SELECT id FROM tenon.log_identity)
    LIMIT 64` // there are no more, and the planner should know

	laneOfGroup = `
    SELECT 0 AS lane, 1 AS "of", s1, s2, position FROM tenon.cursors
    WHERE name = 'relay' AND log = (SELECT id FROM tenon.log_identity)`
)

// lagSQL counts by lane what none has passed, up to $1 in all and one more. Like the unsent arms of tenon.outbox it costs the
// backlog of the last lane, whatever the size of the log. What was under way long ago comes first.
func lagSQL(lanes string) string {
	return `
WITH lanes AS MATERIALIZED (` + lanes + `
), unsent AS MATERIALIZED (
    SELECT r.lane, e.recorded_at FROM (
        SELECT xid, position, bucket, recorded_at FROM tenon.events
        WHERE xid >= (SELECT min(pg_snapshot_xmin(s1)) FROM lanes) AND xid < (SELECT min(pg_snapshot_xmax(s1)) FROM lanes)
            AND xid = ANY (ARRAY(SELECT DISTINCT pg_snapshot_xip(s1) FROM lanes))
        UNION ALL
        SELECT xid, position, bucket, recorded_at FROM tenon.events
        WHERE xid >= (SELECT min(pg_snapshot_xmax(s1)) FROM lanes) AND xid <= '18446744073709551615'::xid8
    ) e JOIN lanes r ON r.lane = ((e.bucket + 1) * r."of" - 1) / 1024
    WHERE NOT pg_visible_in_snapshot(e.xid, r.s1)
        AND (r.s2 IS NULL OR e.position > r.position OR NOT pg_visible_in_snapshot(e.xid, r.s2))
    LIMIT $1::bigint + 1
)
SELECT lane, count(*) AS events, min(recorded_at) AS oldest FROM unsent GROUP BY lane`
}

// lagRow is a row of [lagSQL].
type lagRow struct {
	Lane   int       `db:"lane"`
	Events int       `db:"events"`
	Oldest time.Time `db:"oldest"`
}

type laneLags struct {
	rows []lagRow
	more bool
}

func (d *RelayDesk) lags(ctx context.Context, lanes string) (laneLags, error) {
	return d.lagsUpTo(ctx, lanes, maxLag)
}

func (d *RelayDesk) lagsUpTo(ctx context.Context, lanes string, most int) (laneLags, error) {
	var l laneLags
	if err := d.db.pool.SelectContext(ctx, &l.rows, lagSQL(lanes), most); err != nil {
		return laneLags{}, err
	}
	all := 0
	for i, r := range l.rows {
		if all += r.Events; all > most { // the one more only tells that there is more
			l.rows[i].Events--
			l.more = true
		}
	}
	return l, nil
}

func (l *laneLags) of(lane int) relaying.Lag {
	lag := relaying.Lag{More: l.more}
	for _, r := range l.rows {
		if r.Lane == lane {
			lag.Events, lag.Oldest = r.Events, r.Oldest.UTC()
		}
	}
	return lag
}
