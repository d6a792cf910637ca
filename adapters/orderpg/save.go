package orderpg

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jmoiron/sqlx"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
)

const insertSQL = `
WITH placed AS (
    INSERT INTO orders.orders (id, customer_id, currency, total_amount, status, tracking_number, cancel_reason, version,
        created_at, updated_at)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::numeric[], $5::text[], $6::text[], $7::text[], $8::bigint[],
        $9::timestamptz[], $10::timestamptz[])
    ON CONFLICT (id) DO NOTHING
    RETURNING id
), written AS (
    INSERT INTO orders.order_items (order_id, line, product_id, quantity, unit_price)
    SELECT i.order_id, i.line, i.product_id, i.quantity, i.unit_price
    FROM unnest($11::uuid[], $12::smallint[], $13::text[], $14::integer[], $15::numeric[])
        AS i(order_id, line, product_id, quantity, unit_price)
    JOIN placed ON placed.id = i.order_id
)
SELECT id FROM placed`

const updateSQL = `
UPDATE orders.orders AS o
SET status = u.status, tracking_number = u.tracking_number, cancel_reason = u.cancel_reason, version = u.version,
    updated_at = u.updated_at
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::timestamptz[])
    AS u(id, status, tracking_number, cancel_reason, expected, version, updated_at)
WHERE o.id = u.id AND o.version = u.expected
RETURNING o.id`

// Save writes new orders with their items in one statement and changed ones in another, however many there are.
// *domain.ConflictError when an order isn't at the version that was read, or a new one's id is taken.
func (Repository) Save(ctx context.Context, tx eventlog.Tx, changed []*order.Order) error {
	var added, moved columns
	for _, o := range changed {
		if domain.Stored(o) == 0 {
			added.add(o)
		} else {
			moved.add(o)
		}
	}
	handle := postgres.SQL(tx)
	if err := write(ctx, handle, insertSQL, added.heads, added.insertArgs()); err != nil {
		return err
	}
	return write(ctx, handle, updateSQL, moved.heads, moved.updateArgs())
}

// write runs a statement that returns the ids of the orders it wrote. Which one is missing wasn't at its version.
func write(ctx context.Context, tx *sqlx.Tx, statement string, heads []eventlog.Head, args []any) error {
	if len(heads) == 0 {
		return nil
	}
	var ids []string
	if err := tx.SelectContext(ctx, &ids, statement, args...); err != nil {
		return failed(ctx, "write orders", err)
	}
	if len(ids) == len(heads) {
		return nil
	}
	written := make(map[string]bool, len(ids))
	for _, id := range ids {
		written[id] = true
	}
	for _, h := range heads {
		if !written[h.ID] {
			return conflict(ctx, tx, h)
		}
	}
	return nil
}

// conflict finds out at which version the order is; -1 when it is gone.
func conflict(ctx context.Context, tx *sqlx.Tx, h eventlog.Head) error {
	actual := domain.Version(-1)
	err := tx.GetContext(ctx, &actual, `SELECT version FROM orders.orders WHERE id = $1`, h.ID)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return failed(ctx, "read an order's version", err)
	}
	return &domain.ConflictError{Type: h.Type, ID: h.ID, Expected: h.Version, Actual: actual}
}
