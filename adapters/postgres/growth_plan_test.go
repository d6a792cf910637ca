package postgres_test

import (
	"fmt"
	"testing"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/relaying"
)

// growSQL commits events from $1 to $2, ten of an aggregate, ids rising as those of the kernel do.
const growSQL = `INSERT INTO tenon.events (recorded_at, version, event_id, schema_version, bucket, topic, aggregate_type, aggregate_id, event_type, payload)
    SELECT now(), n %% 10 + 1, ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 1, (n / 10 * 173) %% 1024, 't', 'order',
        'order-' || n / 10, 'order.noted', jsonb_build_object('note', repeat('x', 200))::json FROM generate_series(%d, %d) AS n`

// An event costs as many blocks in a large log as in a small one, to read and to append: what grows is the depth of
// indexes, a block each for some hundred times as many events.
func TestTortureEventsCostTheSameInALargeLog(t *testing.T) {
	t.Parallel()
	sizes := []int{10_000, 100_000}
	if torture() {
		sizes = append(sizes, 1_000_000)
	}
	db := open(t)
	smallest := make(map[string]int)
	for i, size := range sizes {
		from := 0
		if i > 0 {
			from = sizes[i-1]
		}
		exec(t, db, fmt.Sprintf(growSQL, from, size-1))
		exec(t, db, "VACUUM ANALYZE tenon.events")
		for what, cost := range blocksPerStep(t, db, size) {
			t.Logf("%9d events: %3d blocks %s", size, cost, what)
			if i == 0 {
				smallest[what] = cost
			}
			if most := smallest[what]*6/5 + 8; cost > most {
				t.Errorf("%d events: %d blocks %s, want %d at most", size, cost, what, most)
			}
		}
	}
}

// blocksPerStep returns what steps of relay, projections and commands touch in a log of so many events.
func blocksPerStep(t *testing.T, db *postgres.DB, size int) map[string]int {
	t.Helper()
	q := relaying.Query{Lane: relaying.Lane{Of: 1}, Records: 500, Bytes: manyBytes}
	opened := must(postgres.NewLaneLog(db).Read(t.Context(), relaying.Query{Lane: q.Lane, Records: 1, Bytes: 1}))(t).Next
	page := func(passed int) int {
		last := queryValue[int64](t, db, `SELECT position FROM tenon.events ORDER BY position OFFSET $1 LIMIT 1`, passed)
		query, args := postgres.LaneQuery(must(postgres.ParseCursor(opened))(t).Passed(last, false), q, false)
		return explain(t, db, "force_generic_plan", query, args...).blocks()
	}
	stream := func(aggregate int) int {
		return explain(t, db, "force_generic_plan", postgres.StreamSQL, "order", fmt.Sprint("order-", aggregate), 0, 100).blocks()
	}
	return map[string]int{
		"for a page of 500 from the middle":     page(size / 2),
		"for the last page of 500":              page(size - 501),
		"to look whether there is a new one":    windowBlocks(t, db),
		"to load an aggregate of ten events":    stream(size / 20),
		"to load the newest aggregate":          stream(size/10 - 1),
		"to append an event of a new aggregate": appendBlocks(t, db, size),
	}
}

func windowBlocks(t *testing.T, db *postgres.DB) int {
	t.Helper()
	end := queryValue[string](t, db, `SELECT (max(xid::text::bigint) + 1)::text FROM tenon.events`)
	return explain(t, db, "force_generic_plan", postgres.WindowSQL, end).blocks()
}

// appendBlocks appends and rolls back.
func appendBlocks(t *testing.T, db *postgres.DB, n int) int {
	t.Helper()
	conn := must(db.Pool().Conn(t.Context()))(t)
	defer conn.Close()
	run(t, conn, "BEGIN")
	defer run(t, conn, "ROLLBACK")
	return explained(t, conn, fmt.Sprintf(growSQL, n, n)).blocks()
}
