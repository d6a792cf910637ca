package postgres_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/relaying"
)

// PostgreSQL compiles a query whose estimated cost is above its jit_above_cost, which takes it longer than a small log
// does. Estimates count what nobody knows the length of as long, so they say nothing of the rows that are there.
func TestOutboxOfASmallLogIsNotCompiled(t *testing.T) {
	t.Parallel()
	for _, of := range []int{0, 1, 16} {
		t.Run(fmt.Sprint(of, " lanes"), func(t *testing.T) {
			t.Parallel()
			db := open(t)
			someAggregates(t, db, 12, 2)
			end := now(t, db)
			for lane := range of {
				report(t, boardOf(t, db), relaying.Report{
					Progress: progressOf(t, db, lane, of, 1, 1, end), Spans: []relaying.Span{{To: end, Records: 2}},
				})
			}
			checkEstimate(t, db)
			exec(t, db, "ANALYZE")
			checkEstimate(t, db)
		})
	}
}

func checkEstimate(t *testing.T, db *postgres.DB) {
	t.Helper()
	const jitAboveCost = 100_000 // PostgreSQL's default
	var explained []struct {
		Plan struct {
			Cost float64 `json:"Total Cost"`
		}
	}
	text := queryValue[string](t, db, "EXPLAIN (FORMAT JSON) SELECT * FROM tenon.outbox")
	if err := json.Unmarshal([]byte(text), &explained); err != nil {
		t.Fatal(err)
	}
	if cost := explained[0].Plan.Cost; cost <= 0 || cost >= jitAboveCost {
		t.Errorf("the estimated cost is %.0f, want less than %d", cost, jitAboveCost)
	}
}
