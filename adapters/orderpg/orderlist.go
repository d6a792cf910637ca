package orderpg

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/domain/order"
)

// OrderList returns the projection that keeps orders.order_list, from the topic on which all events of orders are
// published ("domain.order.events").
//
// A batch costs one statement for orders that are new and one for others. Rows know the version that they have
// reached, so that events which a relay published twice are passed by.
func OrderList(topic string) projection.Projection {
	return projection.Projection{
		Name: "order_list", Version: 1, Topics: []string{topic},
		Types: []string{order.TypeCreated, order.TypeConfirmed, order.TypeShipped, order.TypeDelivered, order.TypeCancelled},
		Apply: applyOrderList,
	}
}

const (
	listInsertSQL = `
INSERT INTO orders.order_list AS l (id, customer_id, currency, total_amount, item_count, created_at, status, tracking_number,
    version, updated_at)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::numeric[], $5::integer[], $6::timestamptz[], $7::text[], $8::text[],
    $9::bigint[], $10::timestamptz[])
ON CONFLICT (id) DO UPDATE SET status = excluded.status, tracking_number = excluded.tracking_number,
    version = excluded.version, updated_at = excluded.updated_at
    WHERE l.version < excluded.version`

	listUpdateSQL = `
UPDATE orders.order_list AS l
SET status = u.status, tracking_number = coalesce(nullif(u.tracking_number, ''), l.tracking_number), version = u.version,
    updated_at = u.updated_at
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[])
    AS u(id, status, tracking_number, version, updated_at)
WHERE l.id = u.id AND l.version < u.version`

	listMissingSQL = `
SELECT u.id FROM unnest($1::uuid[]) AS u(id) WHERE NOT EXISTS (SELECT FROM orders.order_list AS l WHERE l.id = u.id) LIMIT 1`
)

// applyOrderList folds the batch per order and writes the outcome.
func applyOrderList(ctx context.Context, tx eventlog.Tx, batch []projection.Event) error {
	changes, err := foldList(batch)
	if err != nil {
		return err
	}
	var created, moved listColumns
	for _, c := range changes {
		if c.created {
			created.add(c)
		} else {
			moved.add(c)
		}
	}
	handle := postgres.SQL(tx)
	if len(created.ids) > 0 {
		if _, err := handle.ExecContext(ctx, listInsertSQL, created.insertArgs()...); err != nil {
			return failed(ctx, "insert into order_list", err)
		}
	}
	if len(moved.ids) > 0 {
		return moveRows(ctx, handle, &moved)
	}
	return nil
}

// moveRows updates rows. A row that isn't written has the event already, or isn't there, which must not pass unnoticed.
func moveRows(ctx context.Context, tx *sqlx.Tx, moved *listColumns) error {
	result, err := tx.ExecContext(ctx, listUpdateSQL, moved.updateArgs()...)
	if err != nil {
		return failed(ctx, "update order_list", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == int64(len(moved.ids)) {
		return err
	}
	var missing []string
	if err := tx.SelectContext(ctx, &missing, listMissingSQL, moved.ids); err != nil {
		return failed(ctx, "look into order_list", err)
	}
	if len(missing) > 0 {
		return fmt.Errorf("order_list has no row for order %s: its %s hasn't been applied", missing[0], order.TypeCreated)
	}
	return nil
}

// listColumns holds changes by column, as unnest takes them.
type listColumns struct {
	ids, customers, currencies, totals   pq.StringArray
	statuses, trackings, created, moment pq.StringArray
	items, versions                      pq.Int64Array
}

func (l *listColumns) add(c *listChange) {
	l.ids, l.customers = append(l.ids, c.id), append(l.customers, string(c.state.Customer))
	l.currencies, l.totals = append(l.currencies, string(c.state.Total.Currency)), append(l.totals, c.state.Total.Amount.String())
	l.items, l.created = append(l.items, int64(len(c.state.Items))), append(l.created, timestamp(c.state.CreatedAt))
	l.statuses, l.trackings = append(l.statuses, string(c.state.Status)), append(l.trackings, string(c.state.Tracking))
	l.versions, l.moment = append(l.versions, int64(c.state.Version)), append(l.moment, timestamp(c.state.UpdatedAt))
}

func (l *listColumns) insertArgs() []any {
	return []any{
		l.ids, l.customers, l.currencies, l.totals, l.items, l.created, l.statuses, l.trackings, l.versions, l.moment,
	}
}

func (l *listColumns) updateArgs() []any {
	return []any{l.ids, l.statuses, l.trackings, l.versions, l.moment}
}
