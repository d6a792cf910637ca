package postgres_test

import (
	"fmt"
	"testing"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// spreadSQL commits transactions of three events each, whose aggregates take turns among the buckets.
const spreadSQL = `DO $$ BEGIN FOR i IN 1..%d LOOP
    INSERT INTO tenon.events (recorded_at, version, event_id, schema_version, bucket, topic, aggregate_type, aggregate_id, event_type, payload)
    SELECT now(), v, gen_random_uuid(), 1, (i * 173 + v * 311) %% 1024, 't', 'order', '%s-' || i, 'order.noted',
        jsonb_build_object('note', repeat('x', 200))::json FROM generate_series(1, 3) AS v;
    COMMIT;
END LOOP; END $$`

// laneCursors are places of a large log where a plan can go wrong.
func laneCursors(t testing.TB, db *postgres.DB, transactions int) map[string]eventlog.Cursor {
	t.Helper()
	start := must(db.Read(t.Context(), "", 1))(t).Next // before everything
	slow := beginTx(t, db)
	must(postgres.SQL(slow).ExecContext(t.Context(), `SET LOCAL idle_in_transaction_session_timeout = 0`))(t) // idle for as long as the rest takes
	for i := range 50 {
		appendTo(t, slow, events(fmt.Sprint("slow", i), 1, 40)...)
	}
	exec(t, db, fmt.Sprintf(spreadSQL, transactions, "many"))
	middle := must(db.Read(t.Context(), start, transactions))(t).Next
	_, end := drain(t, db, start, 10_000)
	exec(t, db, fmt.Sprintf(spreadSQL, 10, "tail"))
	tail := must(db.Read(t.Context(), end, 1))(t).Next
	_, end = drain(t, db, tail, 10_000)
	commit(t, slow)
	late := must(db.Read(t.Context(), end, 1))(t).Next
	exec(t, db, "VACUUM ANALYZE tenon.events")
	return map[string]eventlog.Cursor{"tail behind an open transaction": tail, "large window": middle, "late rows": late}
}

// A lane's page costs as much as its rows and those of the other lanes between them. One lane of one costs what
// DB.Read costs.
func TestTortureLanePlans(t *testing.T) {
	t.Parallel()
	transactions := 8_000
	if torture() {
		transactions = 100_000
	}
	db := open(t)
	for name, cursor := range laneCursors(t, db, transactions) {
		for _, lanes := range []int{1, 2, 8} {
			for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
				for _, bounded := range []bool{true, false} {
					t.Run(fmt.Sprintf("%s, lane of %d, %s, bounded %v", name, lanes, mode, bounded), func(t *testing.T) {
						t.Parallel()
						c := must(postgres.ParseCursor(cursor))(t)
						q := relaying.Query{Lane: relaying.Lane{Number: lanes / 2, Of: lanes}, Records: pageLimit, Bytes: manyBytes}
						query, args := postgres.LaneQuery(c, q, bounded)
						explain(t, db, mode, query, args...).checkMost(t, 4*pageLimit*float64(lanes))
					})
				}
			}
		}
	}
}

// BenchmarkLaneRead measures pages of a large window.
func BenchmarkLaneRead(b *testing.B) {
	db := openURL(b, migratedURL(b))
	cursors := laneCursors(b, db, 100_000)
	for name, start := range map[string]eventlog.Cursor{"window": cursors["large window"], "tail": cursors["tail behind an open transaction"]} {
		for _, lanes := range []int{0, 1, 2, 8, 64} {
			b.Run(fmt.Sprintf("%s/lanes=%d", name, lanes), func(b *testing.B) {
				l := postgres.NewLaneLog(db)
				records := 0
				for b.Loop() {
					if lanes == 0 { // DB.Read
						records += len(must(db.Read(b.Context(), start, 1000))(b).Records)
						continue
					}
					q := relaying.Query{Lane: relaying.Lane{Number: lanes / 2, Of: lanes}, After: start, Records: 1000, Bytes: manyBytes}
					records += len(must(l.Read(b.Context(), q))(b).Records)
				}
				b.ReportMetric(float64(records)/float64(b.N), "records/page")
			})
		}
	}
}
