package orderpg

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/orderapp"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
)

// Views answers the context's queries by single statements: one order from its state, lists from the read model. Safe
// for concurrent use.
type Views struct{ db *postgres.DB }

var _ orderapp.Views = Views{}

// NewViews returns the views of the orders in db.
func NewViews(db *postgres.DB) Views { return Views{db: db} }

// Find returns the order's state and number; *domain.NotFoundError when there is none.
func (v Views) Find(ctx context.Context, id order.ID) (orderapp.View, error) {
	r, err := read(ctx, v.db.Querier(nil), findSQL, string(id))
	if err != nil {
		return orderapp.View{}, err
	}
	s, err := r.state()
	return orderapp.View{State: s, Number: r.Number}, err
}

const listSQL = `
SELECT id, customer_id, total_amount, currency, item_count, status, tracking_number, version, created_at, updated_at
FROM orders.order_list`

// listRow is a row of the read model, as queries read it and [OrderList] writes it.
type listRow struct {
	ID             string         `db:"id" pg:"uuid"`
	CustomerID     string         `db:"customer_id"`
	TotalAmount    string         `db:"total_amount" pg:"numeric"`
	Currency       order.Currency `db:"currency"`
	ItemCount      int            `db:"item_count"`
	Status         order.Status   `db:"status"`
	TrackingNumber order.Tracking `db:"tracking_number"`
	Version        domain.Version `db:"version"`
	CreatedAt      time.Time      `db:"created_at"`
	UpdatedAt      time.Time      `db:"updated_at"`
}

// List returns a page of the read model, each page by one walk along an index, however far from the beginning.
func (v Views) List(ctx context.Context, f orderapp.Filter) ([]orderapp.Summary, error) {
	query, args := listQuery(f)
	var rows []listRow
	if err := v.db.Querier(nil).SelectContext(ctx, &rows, query, args...); err != nil {
		return nil, failed(ctx, "list orders", err)
	}
	summaries := make([]orderapp.Summary, len(rows))
	for i := range rows {
		r := &rows[i]
		total, err := order.ParseAmount(r.TotalAmount)
		if err != nil {
			return nil, fmt.Errorf("list orders: row of order %s: total: %w", r.ID, err)
		}
		summaries[i] = orderapp.Summary{
			ID: order.ID(r.ID), Customer: order.CustomerID(r.CustomerID), ItemCount: r.ItemCount,
			Total: order.Money{Amount: total, Currency: r.Currency}, Status: r.Status,
			Tracking: r.TrackingNumber, Version: r.Version,
			CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
		}
	}
	return summaries, nil
}

// listQuery leaves out what isn't asked for: a condition that may be switched off by an argument would keep the
// planner from the index.
func listQuery(f orderapp.Filter) (string, []any) {
	var conditions []string
	var args []any
	where := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(args)), 1)
		}
		conditions = append(conditions, condition)
	}
	if f.Customer != "" {
		where("customer_id = ?", string(f.Customer))
	}
	if f.Status != "" {
		where("status = ?", string(f.Status))
	}
	if f.After.ID != "" {
		where("(created_at, id) < (?::timestamptz, ?::uuid)", f.After.CreatedAt, string(f.After.ID))
	}
	query := listSQL
	if len(conditions) > 0 {
		query += "\nWHERE " + strings.Join(conditions, " AND ")
	}
	args = append(args, f.Limit)
	return query + fmt.Sprintf("\nORDER BY created_at DESC, id DESC LIMIT $%d", len(args)), args
}
