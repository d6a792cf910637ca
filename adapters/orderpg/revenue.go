package orderpg

import (
	"context"
	"math/big"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/orderapp"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
)

// Revenue returns the projection that keeps orders.revenue: the total of the orders that a customer placed on a day and
// didn't cancel. It remembers in orders.revenue_orders what it counted for each of them.
func Revenue(topic string) projection.Projection {
	const version, daysView, ordersView = 1, "orders.revenue", "orders.revenue_orders"
	days := postgres.NewTable[revenueDay](projection.TableName(daysView, version), "customer_id", "day", "currency")
	orders := postgres.NewTable[revenueOrder](projection.TableName(ordersView, version), "order_id")
	p := projection.Declare(orderapp.RevenueModel, version, func() *revenue {
		return &revenue{Rows: projection.NewRows(orders, (*revenueOrder).ref), days: days, changes: make(map[revenueKey]*revenueChange)}
	}, topic)
	p.Keeps(daysView, ordersView)
	p.AllowRepeats() // what is counted for an order knows the order's version
	// Of the version that readers see:
	p.Reached(projection.Versions(postgres.NewTable[revenueOrder](ordersView, "order_id"), (*revenueOrder).ref))
	projection.On(p, order.TypeCreated, (*revenue).placed)
	projection.On(p, order.TypeCancelled, (*revenue).cancelled)
	return p.Projection()
}

// revenueKey is what is added up apart.
type revenueKey struct {
	Customer order.CustomerID `db:"customer_id"`
	Day      day              `db:"day" pg:"date"`
	Currency order.Currency   `db:"currency"`
}

// revenueDay is a row of orders.revenue, or what is added to one.
type revenueDay struct {
	revenueKey

	Orders int64  `db:"orders"`
	Total  string `db:"total_amount" pg:"numeric"`
}

// revenueOrder is a row of orders.revenue_orders.
type revenueOrder struct {
	revenueKey

	ID      string         `db:"order_id" pg:"uuid"`
	Version domain.Version `db:"version"`
	Total   string         `db:"total_amount" pg:"numeric"`
}

func (r *revenueOrder) ref() (id *string, version *domain.Version) { return &r.ID, &r.Version }

// revenue is a batch's fold.
type revenue struct {
	*projection.Rows[revenueOrder]

	days    *postgres.Table[revenueDay]
	changes map[revenueKey]*revenueChange
}

// revenueChange is summed up without a limit: a batch of large orders is more than an Amount holds.
type revenueChange struct {
	orders     int64
	hundredths big.Int
}

func (r *revenue) placed(e projection.Of[order.Created]) error {
	if r.Seen(e.Record) {
		return nil
	}
	row := revenueOrder{Total: e.Event.Total.Amount.String(), revenueKey: revenueKey{
		Customer: e.Event.Customer, Day: dayOf(e.Event.At), Currency: e.Event.Total.Currency,
	}}
	r.Set(e.Record, row)
	return r.count(row, 1)
}

func (r *revenue) cancelled(e projection.Of[order.Cancelled]) error {
	row, err := r.Get(e.Record)
	if err != nil || r.Seen(e.Record) {
		return err
	}
	r.Set(e.Record, row)
	return r.count(row, -1)
}

// count adds the order once, or takes it off.
func (r *revenue) count(row revenueOrder, times int64) error {
	total, err := order.ParseAmount(row.Total)
	if err != nil {
		return err
	}
	c := r.changes[row.revenueKey]
	if c == nil {
		c = new(revenueChange)
		r.changes[row.revenueKey] = c
	}
	c.orders += times
	c.hundredths.Add(&c.hundredths, big.NewInt(times*int64(total)))
	return nil
}

// Store writes what was counted, and what it was counted for.
func (r *revenue) Store(ctx context.Context, tx eventlog.Tx) error {
	if err := r.Rows.Store(ctx, tx); err != nil {
		return err
	}
	rows := make([]*revenueDay, 0, len(r.changes))
	for key, c := range r.changes {
		total := new(big.Rat).SetFrac(&c.hundredths, big.NewInt(100)).FloatString(2) // exact
		rows = append(rows, &revenueDay{revenueKey: key, Orders: c.orders, Total: total})
	}
	return r.days.Add(ctx, tx, rows)
}
