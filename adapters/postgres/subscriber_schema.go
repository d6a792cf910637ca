package postgres

import (
	"database/sql"
	"errors"
	"fmt"

	wsql "github.com/ThreeDotsLabs/watermill-sql/v3/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tenon-go/tenon/application/eventlog"
)

// What a row carries for AckMessageQuery.
const (
	extraWindow = "window" // the end of the window: a snapshot, as text
	extraLow    = "low"    // see tenon.cursors
	extraLast   = "last"   // whether the row is the last of the window
)

// logSchema reads the log.
type logSchema struct {
	batch     int
	unmarshal func(eventlog.Record) (*message.Message, error)
}

var _ wsql.SchemaAdapter = logSchema{}

// SelectQuery returns a page of the group's window. One statement locks the cursor and opens the window: under REPEATABLE READ
// its snapshot is older than the transaction's own xid, and whoever waited for a rival that moved the cursor fails with
// 40001 instead of reading with an old snapshot.
//
// The steps: cursor; now is the window's end, untrimmed when the window is new; top is the trimmed end's xmax, one above the
// newest xid in the log that is visible (a crash may hand out again what lies above); bounds makes the window [s1, s2]
// and finds low, so that paging by position doesn't begin at the log's beginning, unless that is where a new group is; page is one row longer than asked, which
// tells whether more follow. The page has two branches, each written so that only one index serves it, whatever the
// statistics say: records of transactions newer than s1 by position, or the planner would sort the window for each
// page; those of the few that were under way in s1 by (xid, position), or it would search the log for them.
func (s logSchema) SelectQuery(topic, group string, offsets wsql.OffsetsAdapter) wsql.Query {
	cursor := offsets.NextOffsetQuery(topic, group)
	return wsql.Query{Query: `WITH cursor AS MATERIALIZED (` + cursor.Query + `),
	now AS MATERIALIZED (
		SELECT *, s2 IS NULL AS fresh, coalesce(s2, pg_current_snapshot()) AS untrimmed FROM cursor
	), top AS MATERIALIZED (
		SELECT *, CASE WHEN fresh THEN greatest(pg_snapshot_xmax(s1), (
			SELECT (xid::text::bigint + 1)::text::xid8 FROM tenon.events
			WHERE xid < pg_snapshot_xmax(untrimmed) AND pg_visible_in_snapshot(xid, untrimmed)
			ORDER BY xid DESC LIMIT 1)) END AS xmax
		FROM now
	), bounds AS MATERIALIZED (
		SELECT s1, format('%s:%s:', pg_snapshot_xmax(s1), pg_snapshot_xmax(s1))::pg_snapshot AS old, position,
			CASE WHEN NOT fresh THEN s2 ELSE format('%s:%s:%s', least(pg_snapshot_xmin(untrimmed), xmax), xmax,
				(SELECT string_agg(x::text, ',' ORDER BY x) FROM pg_snapshot_xip(untrimmed) x WHERE x < xmax))::pg_snapshot
			END AS s2,
			CASE WHEN NOT fresh THEN low WHEN pg_snapshot_xmax(s1) = '1' THEN 0 ELSE (
				SELECT coalesce(min(w.position), 9223372036854775807) FROM (
					SELECT e.position FROM tenon.events e
					WHERE e.xid >= pg_snapshot_xmax(s1) AND e.xid < pg_snapshot_xmax(untrimmed)
						AND pg_visible_in_snapshot(e.xid, untrimmed) OFFSET 0) w)
			END AS low
		FROM top
	), page AS (
		SELECT r.*, lead(r.position) OVER (ORDER BY r.position) IS NULL AS last
		FROM bounds b CROSS JOIN LATERAL (
			(SELECT ` + pageColumns + ` FROM tenon.events e
				WHERE e.position > greatest(b.position, b.low - 1)
					AND NOT pg_visible_in_snapshot(e.xid, b.old) AND pg_visible_in_snapshot(e.xid, b.s2)
				ORDER BY e.position LIMIT $2::bigint + 1)
			UNION ALL
			(SELECT l.* FROM pg_snapshot_xip(b.s1) x CROSS JOIN LATERAL (
				SELECT ` + pageColumns + ` FROM tenon.events e
				WHERE (e.xid, e.position) > (x, b.position) AND e.xid <= x AND pg_visible_in_snapshot(x, b.s2)
				ORDER BY e.xid, e.position LIMIT $2::bigint + 1) l)
			ORDER BY position LIMIT $2::bigint + 1) r
		ORDER BY r.position LIMIT $2::bigint
	)
	SELECT b.s2::text, b.low, e.last, ` + pageColumns + ` FROM page e CROSS JOIN bounds b
	ORDER BY e.position`, Args: append(cursor.Args, s.batch)}
}

// SubscribeIsolationLevel implements watermill-sql's SchemaAdapter; see SelectQuery for why.
func (logSchema) SubscribeIsolationLevel() sql.IsolationLevel { return sql.LevelRepeatableRead }

// UnmarshalMessage implements watermill-sql's SchemaAdapter.
func (s logSchema) UnmarshalMessage(scanner wsql.Scanner) (wsql.Row, error) {
	var (
		r      eventlog.Record
		window string
		low    int64
		last   bool
	)
	if err := scanRecord(scanner, &r, &window, &low, &last); err != nil {
		return wsql.Row{}, err
	}
	m, err := s.unmarshal(r)
	if err != nil {
		return wsql.Row{}, fmt.Errorf("make a message of record %d: %w", r.Position, err)
	}
	return wsql.Row{
		Offset: r.Position, Msg: m,
		ExtraData: map[string]any{extraWindow: window, extraLow: low, extraLast: last},
	}, nil
}

// InsertQuery is refused: the log is written through eventlog.Tx.
func (logSchema) InsertQuery(string, message.Messages) (wsql.Query, error) {
	return wsql.Query{}, errors.New("insert through Watermill: the log is written by units of work only")
}

// SchemaInitializingQueries are none: the migrations make the tables.
func (logSchema) SchemaInitializingQueries(string) []wsql.Query { return nil }
