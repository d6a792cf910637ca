package postgres

import (
	"database/sql"
	"errors"

	"github.com/tenon-go/tenon/application/eventlog"
)

// Pages that are bounded by bytes: rows are left out once those before them fill a bound as the server stores them, which it
// knows without unpacking a payload. In front of the packed columns stands that running sum. Between the parts stand the
// numbers of the separator and of the bound.
const (
	boundHead = `
SELECT stored, ` + packedHead
	boundFrom = packedTail + ` FROM (
    SELECT sum(pg_column_size(page.payload)) OVER (ORDER BY page.position ROWS UNBOUNDED PRECEDING) AS stored, page.* FROM (`
	boundTail = `) AS page
) AS bounded WHERE stored - pg_column_size(payload) < `
	boundEnd = `::bigint ORDER BY position`

	inLane = ` AND e.bucket >= $9::smallint AND e.bucket < $10::smallint`

	// lanePage reads of the buckets from $9 to before $10. The rows of other buckets are filtered: no index would give a
	// lane's rows in the order of positions.
	lanePage = `
SELECT * FROM (
    (` + newRows + inLane + `
     ORDER BY e.position LIMIT $7)
    UNION ALL
    (SELECT late.* FROM unnest($6::xid8[]) AS l(xid) CROSS JOIN LATERAL (
        ` + lateRows + inLane + ` ORDER BY e.position LIMIT $7) AS late)
) AS page ORDER BY position LIMIT $7`

	lanePageSQL        = `SELECT ` + packedHead + `$8` + packedTail + ` FROM (` + lanePage + `) AS page ORDER BY position`
	boundedPageSQL     = boundHead + `$8` + boundFrom + wholePage + boundTail + `$9` + boundEnd
	boundedLanePageSQL = boundHead + `$8` + boundFrom + lanePage + boundTail + `$11` + boundEnd
)

// bounds of a page: stored is what the server was told, 0 if nothing.
type bounds struct {
	records, bytes int
	stored         int64
}

// room is for how many records memory is taken at once. Who asks for many expects them.
func (b bounds) room() int { return min(b.records, 1+b.bytes/256, 8192) }

// bounded is what was read within bounds.
type bounded struct {
	records     []eventlog.Record
	cut         bool // whether more rows may follow
	bytes       int64
	storedBytes int64 // of the same rows, if the server told
}

// collectBounded reads packed rows, each behind the running sum of the stored bytes if the server was told a bound, until a
// bound is met, and closes them.
//
// Closing reads what is left of rows. Where that may be more than a page, cancel ends them first.
func collectBounded(rows *sql.Rows, separator string, within bounds, cancel func()) (bounded, error) {
	b := bounded{records: make([]eventlog.Record, 0, within.room())}
	unpack := newUnpacker(separator)
	if within.stored > 0 {
		unpack = newUnpacker(separator, &b.storedBytes)
	}
	for rows.Next() {
		n := len(b.records)
		if n == within.records {
			b.cut = true
			break
		}
		b.records = append(b.records, eventlog.Record{})
		if err := unpack.scan(rows, &b.records[n]); err != nil {
			return bounded{}, errors.Join(err, rows.Close())
		}
		b.bytes += int64(len(b.records[n].Payload))
		if n > 0 && b.bytes > int64(within.bytes) {
			b.records, b.cut = b.records[:n], true
			break
		}
	}
	if left := int64(within.records - len(b.records)); b.cut && left*b.bytes > int64(within.bytes)*int64(len(b.records)) && within.stored == 0 {
		cancel()
		_ = rows.Close() // says only that it was cancelled
		return b, nil
	}
	b.cut = b.cut || within.stored > 0 && b.storedBytes >= within.stored // the server has left rows out, or would have
	return b, errors.Join(rows.Err(), rows.Close())
}
