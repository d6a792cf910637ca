package orderpg

import (
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/orderapp"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
)

// OrderList returns the projection that keeps orders.order_list, from the topic on which all events of orders are
// published ("domain.order.events").
//
// It doesn't use the aggregate's fold: a read model belongs to whoever reads the topic, and changes with its readers'
// needs.
func OrderList(topic string) projection.Projection {
	const version, view = 1, "orders.order_list"
	table := postgres.NewTable[listRow](projection.TableName(view, version), "id")
	p := projection.DeclareRows(orderapp.ListModel, version, table, (*listRow).ref, topic)
	p.Keeps(view)
	p.Reached(projection.Versions(postgres.NewTable[listRow](view, "id"), (*listRow).ref)) // of the version that readers see
	projection.Begins(p, order.TypeCreated, func(e projection.Of[order.Created]) listRow {
		return listRow{
			CustomerID: string(e.Event.Customer), TotalAmount: e.Event.Total.Amount.String(), Currency: e.Event.Total.Currency,
			ItemCount: len(e.Event.Items), Status: order.StatusPending, CreatedAt: e.Event.At, UpdatedAt: e.Event.At,
		}
	})
	projection.Changes(p, order.TypeConfirmed, func(r *listRow, e projection.Of[order.Confirmed]) {
		r.Status, r.UpdatedAt = order.StatusConfirmed, e.Event.At
	})
	projection.Changes(p, order.TypeShipped, func(r *listRow, e projection.Of[order.Shipped]) {
		r.Status, r.TrackingNumber, r.UpdatedAt = order.StatusShipped, e.Event.Tracking, e.Event.At
	})
	projection.Changes(p, order.TypeDelivered, func(r *listRow, e projection.Of[order.Delivered]) {
		r.Status, r.UpdatedAt = order.StatusDelivered, e.Event.At
	})
	projection.Changes(p, order.TypeCancelled, func(r *listRow, e projection.Of[order.Cancelled]) {
		r.Status, r.UpdatedAt = order.StatusCancelled, e.Event.At
	})
	return p.Projection()
}

func (r *listRow) ref() (id *string, version *domain.Version) { return &r.ID, &r.Version }
