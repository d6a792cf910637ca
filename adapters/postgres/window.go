package postgres

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/tenon-go/tenon/application/eventlog"
)

// windowSQL opens a window: one row for [window], from $1, the Xmax of the snapshot before. The transaction must not
// have written anything before it, or its own later events would count as seen: run it alone, or as the first statement
// of a REPEATABLE READ transaction.
//
// All visible rows from $1 on belong to the window, because the statement's snapshot is the window's.
const windowSQL = `
SELECT pg_current_snapshot()::text AS current,
    (SELECT id FROM tenon.log_identity)::text AS log,
    pg_is_in_recovery() AS standby,
    coalesce((SELECT e.xid FROM tenon.events AS e WHERE e.xid >= $1::xid8 ORDER BY e.xid DESC LIMIT 1)::text::numeric, 0)::text AS newest,
    coalesce((SELECT min(w.position) FROM (
        SELECT e.position FROM tenon.events AS e WHERE e.xid >= $1::xid8 AND $1::xid8 > '1'::xid8 OFFSET 0) AS w), 0) AS first`

// errFromOtherServer says that rows would stay hidden until the server's counter of transactions has passed them.
var errFromOtherServer = errors.New("the log was loaded from another server, which had counted more transactions; " +
	"run `tenon log rebase` to make it this server's own")

// window is the row of [windowSQL].
type window struct {
	Current string    `db:"current"`
	Log     uuid.UUID `db:"log"`
	Standby bool      `db:"standby"`
	Newest  uint64    `db:"newest"` // xid of the newest event; 0 when there are none
	First   int64     `db:"first"`  // least position; 0 when there are none, or all belong to the window
}

// open returns the cursor c, which is between windows, inside the window w. It wraps [ErrForeignCursor] when c isn't of
// the log that w was read from.
func (w window) open(c Cursor) (Cursor, error) {
	current, err := ParseSnapshot(w.Current)
	switch {
	case err != nil:
		return Cursor{}, err
	case w.Standby:
		return Cursor{}, fmt.Errorf("the log is read on the primary, not on a standby: %w", eventlog.ErrUnavailable)
	case w.Log == uuid.UUID{}:
		return Cursor{}, errNoIdentity
	case c.Log != uuid.UUID{} && c.Log != w.Log:
		return Cursor{}, fmt.Errorf("%w: it is of log %s, this is %s", ErrForeignCursor, c.Log, w.Log)
	case current.Xmax < c.Before.Xmax:
		return Cursor{}, fmt.Errorf("%w: it has passed transaction %d, the server is at %d: the database was set back", ErrForeignCursor,
			c.Before.Xmax-1, current.Xmax-1)
	case w.Newest >= current.Xmax:
		return Cursor{}, fmt.Errorf("%w: event of transaction %d, but the server is at %d", errFromOtherServer, w.Newest, current.Xmax-1)
	}
	first := w.First
	if w.Newest == 0 {
		first = noRecords
	}
	return Cursor{Log: w.Log, Before: c.Before, Window: current.Trim(c.Before, w.Newest), First: first}, nil
}

// pageColumns are a record's columns in the order in which [scanRecord] takes them.
const pageColumns = `e.position, e.event_id, e.topic, e.aggregate_type, e.aggregate_id, coalesce(e.version, 0) AS version, e.event_type,
    e.schema_version, e.payload, e.metadata, e.correlation_id, e.causation_id, e.traceparent, e.actor, e.recorded_at`

// A page of an open window in the order of positions, with the parameters of [pageArgs]. Rows of new transactions are
// found by position from the first of them on, rows of transactions that were late by xid: one condition for both would
// sort or filter the whole window for each page.
const (
	newRows = `SELECT ` + pageColumns + ` FROM tenon.events AS e
     WHERE e.position > greatest($1::bigint, $2::bigint - 1) AND e.xid >= $3::xid8 AND e.xid < $4::xid8
         AND pg_visible_in_snapshot(e.xid, $5::pg_snapshot)`
	lateRows = `SELECT ` + pageColumns + ` FROM tenon.events AS e
        WHERE e.xid = l.xid AND e.position > $1`

	// pageSQL reads of the whole log, packed with the separator $8.
	pageSQL = `SELECT ` + packedHead + `$8` + packedTail + ` FROM (` + wholePage + `) AS page ORDER BY position`

	wholePage = `
SELECT * FROM (
    (` + newRows + `
     ORDER BY e.position LIMIT $7)
    UNION ALL
    (SELECT late.* FROM unnest($6::xid8[]) AS l(xid) CROSS JOIN LATERAL (
        ` + lateRows + ` ORDER BY e.position LIMIT $7) AS late)
) AS page ORDER BY position LIMIT $7`
)

// pageArgs returns the parameters of a page for at most limit records after c, which is inside a window.
func pageArgs(c Cursor, limit int) []any {
	var late pq.StringArray
	for _, xid := range c.Before.endedBy(c.Window) {
		late = append(late, strconv.FormatUint(xid, 10))
	}
	return []any{
		c.Position, c.First, strconv.FormatUint(max(c.Before.Xmax, 1), 10), strconv.FormatUint(c.Window.Xmax, 10), c.Window.String(),
		late, limit,
	}
}
