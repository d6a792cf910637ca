package orderpgtest

import (
	"context"
	"math/big"
	"time"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/domain/order"
)

// earned is what a customer's orders of a day add up to.
type earned struct {
	Orders int
	Total  string
}

// Revenue is the read model of revenue per customer and day: orders.revenue.
func Revenue() Table {
	return Table{"revenue", func(ctx context.Context, db *postgres.DB, folded map[string]order.State) (stored, want map[string]any, err error) {
		var all []struct {
			Key    string `db:"key"`
			Orders int    `db:"orders"`
			Total  string `db:"total"`
		}
		err = db.Pool().SelectContext(ctx, &all, `SELECT concat_ws('/', customer_id, day, currency) AS key, orders, total_amount::text AS total
			FROM orders.revenue WHERE orders <> 0 OR total_amount <> 0`)
		if err != nil {
			return nil, nil, err
		}
		stored = make(map[string]any, len(all))
		for _, r := range all {
			stored[r.Key] = earned{r.Orders, r.Total}
		}
		return stored, rows(revenueOf(folded)), nil
	}}
}

func revenueOf(folded map[string]order.State) map[string]earned {
	sums, days := make(map[string]*big.Int), make(map[string]earned)
	for _, s := range folded {
		if s.Status == order.StatusCancelled {
			continue
		}
		key := string(s.Customer) + "/" + s.CreatedAt.UTC().Format(time.DateOnly) + "/" + string(s.Total.Currency)
		if sums[key] == nil {
			sums[key] = new(big.Int)
		}
		sum := sums[key].Add(sums[key], big.NewInt(int64(s.Total.Amount)))
		days[key] = earned{days[key].Orders + 1, new(big.Rat).SetFrac(sum, big.NewInt(100)).FloatString(2)}
	}
	return days
}
