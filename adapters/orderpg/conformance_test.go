package orderpg_test

import (
	"testing"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/orderpg"
	"github.com/tenon-go/tenon/adapters/orderpg/orderpgtest"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/domain/order"
)

func TestRepositoryConforms(t *testing.T) {
	t.Parallel()
	applicationtest.Repository(t, func(t testing.TB) applicationtest.RepositoryFixture[*order.Order] {
		db := orderpgtest.Open(t)
		types := new(codec.Types)
		codec.Register[order.Created](types, order.TypeCreated, 1)
		codec.Register[order.Confirmed](types, order.TypeConfirmed, 1)
		codec.Register[order.Shipped](types, order.TypeShipped, 1)
		codec.Register[order.Delivered](types, order.TypeDelivered, 1)
		return applicationtest.RepositoryFixture[*order.Order]{
			Store: db, Repository: orderpg.NewRepository(db), AggregateType: order.AggregateType, Types: types,
			New: func() *order.Order { return place(t, "customer-7", at(0)) },
			Change: func(o *order.Order) {
				switch o.State().Status {
				case order.StatusPending:
					check(t, o.Confirm(at(1)))
				case order.StatusConfirmed:
					check(t, o.Ship("1Z", at(2)))
				default:
					check(t, o.Deliver(at(3)))
				}
			},
			Unknown: uuid.NewString(),
		}
	})
}
