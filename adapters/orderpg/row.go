package orderpg

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
)

// stateSQL reads an order with its items in one row, so that one statement sees both as they were at one moment;
// findSQL its number too.
const (
	stateSQL = "SELECT " + stateColumns + stateFrom + "\nWHERE o.id = $1"
	findSQL  = "SELECT " + stateColumns + ", coalesce(n.number, 0) AS number" + stateFrom +
		"\nLEFT JOIN orders.order_numbers AS n ON n.order_id = o.id\nWHERE o.id = $1"

	stateColumns = `o.id, o.customer_id, o.currency, o.total_amount, o.status, o.tracking_number, o.cancel_reason,
    o.version, o.created_at, o.updated_at, i.products, i.quantities, i.prices`
	stateFrom = `
FROM orders.orders AS o CROSS JOIN LATERAL (
    SELECT array_agg(product_id ORDER BY line) AS products, array_agg(quantity ORDER BY line) AS quantities,
        array_agg(unit_price ORDER BY line) AS prices
    FROM orders.order_items WHERE order_id = o.id
) AS i`
)

// row is what stateSQL and findSQL return. Amounts come as decimal text.
type row struct {
	ID             string         `db:"id"`
	CustomerID     string         `db:"customer_id"`
	Currency       order.Currency `db:"currency"`
	TotalAmount    string         `db:"total_amount"`
	Status         string         `db:"status"`
	TrackingNumber string         `db:"tracking_number"`
	CancelReason   string         `db:"cancel_reason"`
	Version        int64          `db:"version"`
	CreatedAt      time.Time      `db:"created_at"`
	UpdatedAt      time.Time      `db:"updated_at"`
	Products       pq.StringArray `db:"products"`
	Quantities     pq.Int64Array  `db:"quantities"`
	Prices         pq.StringArray `db:"prices"`
	Number         int64          `db:"number"`
}

// read returns the row of one order; *domain.NotFoundError when there is none, also for an id that no order can have.
func read(ctx context.Context, q postgres.Querier, statement, id string) (*row, error) {
	if canonical, err := order.ParseID(id); err != nil || string(canonical) != id {
		return nil, &domain.NotFoundError{Type: order.AggregateType, ID: id}
	}
	r := new(row)
	if err := q.GetContext(ctx, r, statement, id); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return nil, &domain.NotFoundError{Type: order.AggregateType, ID: id}
		}
		return nil, failed(ctx, "read order", err)
	}
	return r, nil
}

// state returns the order's state. The error says that the row isn't one that this package wrote.
func (r *row) state() (order.State, error) {
	s := order.State{
		ID: order.ID(r.ID), Customer: order.CustomerID(r.CustomerID), Status: order.Status(r.Status),
		Tracking: order.Tracking(r.TrackingNumber), CancelReason: order.Reason(r.CancelReason),
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(), Version: domain.Version(r.Version),
		Items: make([]order.Item, len(r.Products)),
	}
	var err error
	if s.Total, err = r.money(r.TotalAmount); err != nil {
		return order.State{}, fmt.Errorf("row of order %s: total: %w", r.ID, err)
	}
	for i := range s.Items {
		s.Items[i].Product, s.Items[i].Quantity = order.ProductID(r.Products[i]), order.Quantity(r.Quantities[i])
		if s.Items[i].UnitPrice, err = r.money(r.Prices[i]); err != nil {
			return order.State{}, fmt.Errorf("row of order %s: item %d: %w", r.ID, i+1, err)
		}
	}
	return s, nil
}

func (r *row) money(text string) (order.Money, error) {
	amount, err := order.ParseAmount(text)
	return order.Money{Amount: amount, Currency: r.Currency}, err
}
