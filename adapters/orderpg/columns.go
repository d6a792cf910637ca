package orderpg

import (
	"github.com/lib/pq"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
)

// columns holds orders by column, as unnest takes them, and their items beside.
type columns struct {
	heads                              []eventlog.Head // as they were read
	ids, customers, currencies, totals pq.StringArray
	statuses, trackings, reasons       pq.StringArray
	created, updated                   pq.StringArray
	expected, versions                 pq.Int64Array

	itemOrders, products, prices pq.StringArray
	lines, quantities            pq.Int64Array
}

func (c *columns) add(o *order.Order) {
	s, stored := o.State(), domain.Stored(o)
	c.heads = append(c.heads, eventlog.Head{Type: order.AggregateType, ID: string(s.ID), Version: stored})
	c.ids, c.customers = append(c.ids, string(s.ID)), append(c.customers, string(s.Customer))
	c.currencies, c.totals = append(c.currencies, string(s.Total.Currency)), append(c.totals, s.Total.Amount.String())
	c.statuses, c.trackings = append(c.statuses, string(s.Status)), append(c.trackings, string(s.Tracking))
	c.reasons = append(c.reasons, string(s.CancelReason))
	c.created, c.updated = append(c.created, timestamp(s.CreatedAt)), append(c.updated, timestamp(s.UpdatedAt))
	c.expected, c.versions = append(c.expected, int64(stored)), append(c.versions, int64(s.Version))
	if stored > 0 {
		return // items never change
	}
	for i, item := range s.Items {
		c.itemOrders, c.lines = append(c.itemOrders, string(s.ID)), append(c.lines, int64(i+1))
		c.products, c.quantities = append(c.products, string(item.Product)), append(c.quantities, int64(item.Quantity))
		c.prices = append(c.prices, item.UnitPrice.Amount.String())
	}
}

// insertArgs are the arguments of insertSQL.
func (c *columns) insertArgs() []any {
	return []any{
		c.ids, c.customers, c.currencies, c.totals, c.statuses, c.trackings, c.reasons, c.versions, c.created, c.updated,
		c.itemOrders, c.lines, c.products, c.quantities, c.prices,
	}
}

// updateArgs are the arguments of updateSQL.
func (c *columns) updateArgs() []any {
	return []any{c.ids, c.statuses, c.trackings, c.reasons, c.expected, c.versions, c.updated}
}
