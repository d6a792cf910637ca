package postgres

import (
	"database/sql"
	"errors"

	"github.com/tenon-go/tenon/application/eventlog"
)

// Pages that are bounded by bytes: rows are left out once those before them fill $8 bytes as the server stores them,
// which it knows without unpacking a payload. In front of the record's columns stands that running sum.
const (
	boundHead = `
SELECT * FROM (
    SELECT sum(pg_column_size(page.payload)) OVER (ORDER BY page.position ROWS UNBOUNDED PRECEDING) AS stored, page.* FROM (`
	boundTail = `) AS page
) AS bounded WHERE stored - pg_column_size(payload) < $8::bigint ORDER BY position`

	inLane = ` AND e.bucket >= $9::smallint AND e.bucket < $10::smallint`

	// wholePageSQL reads of the whole log.
	wholePageSQL = boundHead + pageSQL + boundTail

	// lanePageSQL reads of the buckets from $9 to before $10. The rows of other buckets are filtered: no index would give
	// a lane's rows in the order of positions.
	lanePageSQL = boundHead + `
SELECT * FROM (
    (` + newRows + inLane + `
     ORDER BY e.position LIMIT $7)
    UNION ALL
    (SELECT late.* FROM unnest($6::xid8[]) AS l(xid) CROSS JOIN LATERAL (
        ` + lateRows + inLane + ` ORDER BY e.position LIMIT $7) AS late)
) AS page ORDER BY position LIMIT $7` + boundTail
)

// bounds of a page: stored is what the server was told.
type bounds struct {
	records, bytes int
	stored         int64
}

// bounded is what was read within bounds.
type bounded struct {
	records     []eventlog.Record
	cut         bool // whether more rows may follow
	bytes       int64
	storedBytes int64 // of the same rows
}

// collectBounded reads rows, each behind the running sum of the stored bytes, until a bound is met, and closes them.
func collectBounded(rows *sql.Rows, within bounds) (bounded, error) {
	b := bounded{records: make([]eventlog.Record, 0, min(within.records, 1024))}
	for rows.Next() {
		if len(b.records) == within.records {
			b.cut = true
			break
		}
		var r eventlog.Record
		var stored int64
		if err := scanRecord(rows, &r, &stored); err != nil {
			return bounded{}, errors.Join(err, rows.Close())
		}
		size := int64(len(r.Payload))
		b.storedBytes, b.bytes = stored, b.bytes+size
		if len(b.records) > 0 && b.bytes > int64(within.bytes) {
			b.cut = true
			break
		}
		b.records = append(b.records, r)
	}
	b.cut = b.cut || b.storedBytes >= within.stored // the server has left rows out, or would have
	return b, errors.Join(rows.Err(), rows.Close())
}
