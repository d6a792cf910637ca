package postgres

import (
	"context"

	"github.com/lib/pq"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// projectionLagSQL counts the events of topics $7 in the buckets from $5 to before $6 that a cursor hasn't passed: of transactions
// from $1 on, which is the xmax of the snapshot before, and of those in $2, which ran then. $3 and $4 are the window's snapshot, if
// one is open, and the position in it.
const projectionLagSQL = `
SELECT count(*) FROM (
    SELECT FROM (
        SELECT xid, position, bucket, topic FROM tenon.events WHERE xid >= $1::xid8
        UNION ALL
        SELECT xid, position, bucket, topic FROM tenon.events WHERE xid = ANY ($2::xid8[])
    ) AS e
    WHERE bucket >= $5 AND bucket < $6 AND topic = ANY ($7)
        AND ($3::pg_snapshot IS NULL OR position > $4 OR NOT pg_visible_in_snapshot(xid, $3::pg_snapshot))
    LIMIT $8
) AS l`

// Lag returns how many events of the topics a lane's cursor hasn't passed, at most so many.
func (l *LaneLog) Lag(ctx context.Context, cursor string, lane, lanes int, topics []string, most int) (int, error) {
	c, err := ParseCursor(eventlog.Cursor(cursor))
	if err != nil {
		return 0, err
	}
	var window *string
	if c.IsOpen() {
		text := c.Window.String()
		window = &text
	}
	from, to := relaying.Lane{Number: lane, Of: lanes}.Buckets()
	var n int
	err = l.db.pool.GetContext(ctx, &n, projectionLagSQL, xidText(max(c.Before.Xmax, 1)), xidArray(c.Before.Running), window, c.Position, from, to,
		pq.StringArray(topics), most)
	return n, Wrap(ctx, err)
}
