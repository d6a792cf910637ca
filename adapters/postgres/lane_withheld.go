package postgres

import (
	"context"
	"fmt"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// withheldSQL finds a key's records by the index of streams. Without OFFSET 0 the planner may prefer to search the log
// by position.
const withheldSQL = boundHead + `$12` + boundFrom + `
    SELECT * FROM (
        SELECT ` + pageColumns + ` FROM tenon.events AS e
        WHERE e.tenant = '' AND e.aggregate_type = $1 AND e.aggregate_id = $2 AND e.position >= $3
            AND (pg_visible_in_snapshot(e.xid, $4::pg_snapshot) OR e.position <= $5 AND pg_visible_in_snapshot(e.xid, $6::pg_snapshot))
            AND NOT (pg_visible_in_snapshot(e.xid, $9::pg_snapshot) OR e.position <= $10 AND pg_visible_in_snapshot(e.xid, $11::pg_snapshot))
        OFFSET 0) AS key
    ORDER BY position LIMIT $7` + boundTail + `$8` + boundEnd

// Withheld returns what one cursor has passed of a key and the other hasn't. It costs as much as the key has records.
func (l *LaneLog) Withheld(ctx context.Context, q relaying.WithheldQuery) ([]eventlog.Record, error) {
	if q.Records < 1 || q.Bytes < 1 {
		return nil, fmt.Errorf("%d records and %d bytes: want 1 or more", q.Records, q.Bytes)
	}
	after, err := l.ours(ctx, q.After)
	if err != nil {
		return nil, err
	}
	c, err := l.ours(ctx, q.Passed)
	if err != nil {
		return nil, err
	}
	b, err := separated(func(separator string) (bounded, error) {
		rows, err := l.db.pool.QueryContext(ctx, withheldSQL, append(withheldArgs(after, c, q), separator)...)
		if err != nil {
			return bounded{}, err
		}
		return collectBounded(rows, separator, bounds{records: q.Records, bytes: q.Bytes, stored: int64(q.Bytes)}, nil)
	})
	return b.records, Wrap(ctx, err)
}

func withheldArgs(after, c Cursor, q relaying.WithheldQuery) []any {
	return []any{
		q.Key.AggregateType, q.Key.AggregateID, q.From, c.Before.String(), c.Position, c.Window.String(), q.Records, int64(q.Bytes),
		after.Before.String(), after.Position, after.Window.String(),
	}
}
