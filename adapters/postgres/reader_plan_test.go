package postgres_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/lib/pq"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
)

// fillSQL commits transactions of three events each.
const fillSQL = `DO $$ BEGIN FOR i IN 1..%d LOOP
    INSERT INTO tenon.events (recorded_at, version, event_id, schema_version, bucket, topic, aggregate_type, aggregate_id, event_type, payload)
    SELECT now(), v, gen_random_uuid(), 1, 0, 't', 'order', '%s-' || i, 'order.noted', '{}' FROM generate_series(1, 3) AS v;
    COMMIT;
END LOOP; END $$`

const pageLimit = 100

// A page costs as much as its rows, whatever the window: behind a transaction that is open for long, within a large
// window, and for what that transaction leaves when it commits.
func TestTortureReaderPlans(t *testing.T) {
	t.Parallel()
	transactions := 8_000
	if torture() {
		transactions = 100_000
	}
	db := open(t)
	start := must(db.Read(t.Context(), "", 1))(t).Next // before everything
	slow := beginTx(t, db)
	for i := range 5 {
		appendTo(t, slow, events(fmt.Sprint("slow", i), 1, 2*pageLimit)...)
	}
	exec(t, db, fmt.Sprintf(fillSQL, transactions, "many"))
	middle := must(db.Read(t.Context(), start, transactions))(t).Next
	_, end := drain(t, db, start, 10_000)
	exec(t, db, fmt.Sprintf(fillSQL, 10, "tail"))
	tail := must(db.Read(t.Context(), end, 1))(t).Next
	_, end = drain(t, db, tail, 10_000)
	commit(t, slow)
	late := must(db.Read(t.Context(), end, pageLimit))(t).Next
	exec(t, db, "ANALYZE tenon.events")

	for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
		t.Run("opening a window on a tail, "+mode, func(t *testing.T) {
			t.Parallel()
			before := must(postgres.ParseCursor(tail))(t).Before
			explain(t, db, mode, postgres.WindowSQL, before.Xmax).check(t)
		})
	}
	for name, tt := range map[string]struct {
		cursor    eventlog.Cursor
		firstPage bool // of the cursor's window
	}{
		"tail behind an open transaction": {tail, true},
		"large window":                    {middle, false},
		"late rows":                       {late, true},
		"late rows, later page":           {late, false},
	} {
		for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
			t.Run(name+", "+mode, func(t *testing.T) {
				t.Parallel()
				explainPage(t, db, tt.cursor, tt.firstPage, mode).check(t)
			})
		}
	}
}

// plan is a node of EXPLAIN's tree.
type plan struct {
	Type    string  `json:"Node Type"`
	Index   string  `json:"Index Name"`
	Table   string  `json:"Relation Name"`
	Rows    float64 `json:"Actual Rows"`
	Loops   float64 `json:"Actual Loops"`
	Removed float64 `json:"Rows Removed by Filter"`
	Hit     int     `json:"Shared Hit Blocks"`
	Read    int     `json:"Shared Read Blocks"`
	Plans   []plan  `json:"Plans"`
}

// blocks returns how many blocks of tables and indexes were touched.
func (p plan) blocks() int { return p.Hit + p.Read }

func explainPage(t *testing.T, db *postgres.DB, cursor eventlog.Cursor, firstPage bool, mode string) plan {
	t.Helper()
	c := must(postgres.ParseCursor(cursor))(t)
	if !c.IsOpen() {
		t.Fatalf("cursor %s is in no window: the test has too few rows", cursor)
	}
	if firstPage {
		c.Position = 0
	}
	return explain(t, db, mode, postgres.PageSQL, postgres.PageArgs(c, pageLimit)...)
}

func explain(t *testing.T, db *postgres.DB, mode, query string, values ...any) plan {
	t.Helper()
	conn := must(db.Pool().Conn(t.Context()))(t)
	defer conn.Close()
	run(t, conn, "SET plan_cache_mode = "+mode)
	run(t, conn, "PREPARE explained AS "+query)
	var args []string
	for _, v := range values {
		if array, ok := v.(pq.StringArray); ok {
			v = must(array.Value())(t)
			if v == nil {
				v = "{}"
			}
		}
		args = append(args, pq.QuoteLiteral(fmt.Sprint(v)))
	}
	p := explained(t, conn, "EXECUTE explained("+strings.Join(args, ", ")+")")
	run(t, conn, "DEALLOCATE explained")
	return p
}

// explained runs a statement and returns how it went.
func explained(t *testing.T, conn *sql.Conn, statement string) plan {
	t.Helper()
	var text string
	if err := conn.QueryRowContext(t.Context(), "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "+statement).Scan(&text); err != nil {
		t.Fatal(err)
	}
	var explained []struct{ Plan plan }
	if err := json.Unmarshal([]byte(text), &explained); err != nil {
		t.Fatal(err)
	}
	return explained[0].Plan
}

func run(t *testing.T, conn *sql.Conn, query string) {
	t.Helper()
	if _, err := conn.ExecContext(context.WithoutCancel(t.Context()), query); err != nil {
		t.Fatal(err)
	}
}

// check allows each node a few pages' worth of rows.
func (p plan) check(t *testing.T) {
	t.Helper()
	p.checkMost(t, 4*pageLimit)
}

func (p plan) checkMost(t *testing.T, most float64) {
	t.Helper()
	if touched := (p.Rows + p.Removed) * p.Loops; touched > most {
		t.Errorf("%s %s touches %.0f rows for a page of %d", p.Type, p.Index, touched, pageLimit)
	}
	if p.Type == "Seq Scan" && p.Table == "events" {
		t.Errorf("the log is scanned")
	}
	for _, child := range p.Plans {
		child.checkMost(t, most)
	}
}
