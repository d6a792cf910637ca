package orderpgtest

import (
	"context"

	"github.com/tenon-go/tenon/adapters/orderpg"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/orderapp"
	"github.com/tenon-go/tenon/domain/order"
)

// Orders is the state: orders.orders with orders.order_items.
func Orders() Table {
	return Table{"orders", func(ctx context.Context, db *postgres.DB, folded map[string]order.State) (stored, want map[string]any, err error) {
		var ids []string
		if err := db.Pool().SelectContext(ctx, &ids, `SELECT id FROM orders.orders`); err != nil {
			return nil, nil, err
		}
		repository := orderpg.NewRepository(db)
		stored = make(map[string]any, len(ids))
		for _, id := range ids {
			o, err := repository.Load(ctx, nil, id)
			if err != nil {
				return nil, nil, err
			}
			stored[id] = o.State()
		}
		return stored, rows(folded), nil
	}}
}

// OrderList is the read model: orders.order_list.
func OrderList() Table {
	return Table{"order_list", func(ctx context.Context, db *postgres.DB, folded map[string]order.State) (stored, want map[string]any, err error) {
		list, err := orderpg.NewViews(db).List(ctx, orderapp.Filter{Limit: 1 << 30})
		if err != nil {
			return nil, nil, err
		}
		stored, want = make(map[string]any, len(list)), make(map[string]any, len(folded))
		for _, s := range list {
			stored[string(s.ID)] = s
		}
		for id, s := range folded {
			want[id] = summary(s)
		}
		return stored, want, nil
	}}
}

// Customers is what is counted per customer: orders.customers with orders.order_numbers.
func Customers() Table {
	return Table{"customers", func(ctx context.Context, db *postgres.DB, folded map[string]order.State) (stored, want map[string]any, err error) {
		var accounts []struct {
			Customer string `db:"customer_id"`
			Last     int    `db:"last_number"`
			Open     int    `db:"open_orders"`
		}
		if err := db.Pool().SelectContext(ctx, &accounts, `SELECT customer_id, last_number, open_orders FROM orders.customers`); err != nil {
			return nil, nil, err
		}
		var numbers []struct {
			Customer string `db:"customer_id"`
			Number   int    `db:"number"`
		}
		err = db.Pool().SelectContext(ctx, &numbers, `SELECT customer_id, number FROM orders.order_numbers ORDER BY number`)
		if err != nil {
			return nil, nil, err
		}
		byCustomer := make(map[string]counters, len(accounts))
		for _, a := range accounts {
			byCustomer[a.Customer] = counters{Last: a.Last, Open: a.Open}
		}
		for _, n := range numbers {
			c := byCustomer[n.Customer]
			c.Numbers = append(c.Numbers, n.Number)
			byCustomer[n.Customer] = c
		}
		return rows(byCustomer), counted(folded), nil
	}}
}
