package orderpg

import (
	"context"

	"github.com/tenon-go/tenon/application/orderapp"
)

const (
	revenueSQL = `
SELECT customer_id, day, currency, orders, total_amount FROM orders.revenue
WHERE customer_id = $1 AND orders > 0
ORDER BY day DESC, currency DESC LIMIT $2`

	revenueAfterSQL = `
SELECT customer_id, day, currency, orders, total_amount FROM orders.revenue
WHERE customer_id = $1 AND orders > 0 AND (day, currency) < ($3::date, $4)
ORDER BY day DESC, currency DESC LIMIT $2`
)

// Revenue returns a page of a customer's days from the read model, by one walk along its key.
func (v Views) Revenue(ctx context.Context, f orderapp.RevenueFilter) ([]orderapp.DayRevenue, error) {
	query, args := revenueSQL, []any{string(f.Customer), f.Limit}
	if f.After != (orderapp.DayPosition{}) {
		query, args = revenueAfterSQL, append(args, f.After.Day, string(f.After.Currency))
	}
	var rows []revenueDay
	if err := v.db.Querier(nil).SelectContext(ctx, &rows, query, args...); err != nil {
		return nil, failed(ctx, "read revenue", err)
	}
	days := make([]orderapp.DayRevenue, len(rows))
	for i, r := range rows {
		days[i] = orderapp.DayRevenue{Day: string(r.Day), Currency: r.Currency, Orders: r.Orders, Total: r.Total}
	}
	return days, nil
}
