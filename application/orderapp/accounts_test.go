package orderapp_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/tenon-go/tenon/adapters/orderpg/orderpgtest"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/orderapp"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
)

func TestLimitOfOpenOrders(t *testing.T) {
	t.Parallel()
	s := open(t, func(c *orderapp.Config) { c.MaxOpenOrders = 2 })
	first, second := send(s, two("ann")).ID, send(s, two("ann")).ID

	err := fail(s, two("ann"))
	var limit *orderapp.LimitError
	if !errors.As(err, &limit) || !errors.Is(err, domain.ErrRule) || limit.Limit != 2 || limit.Customer != "ann" {
		t.Fatalf("third order: %v, want *orderapp.LimitError", err)
	}
	send(s, two("ben"))

	send(s, orderapp.Cancel{ID: first, Reason: "no"})
	third := send(s, two("ann")).ID
	fail(s, two("ann"))
	send(s, orderapp.Confirm{ID: second})
	send(s, orderapp.Ship{ID: second, Tracking: "1Z"})
	fail(s, two("ann"))
	send(s, orderapp.Deliver{ID: second})
	fourth := send(s, two("ann")).ID
	for id, want := range map[order.ID]int64{first: 1, second: 2, third: 3, fourth: 4} {
		if got := send(s, orderapp.Find{ID: id}).Number; got != want {
			t.Errorf("number is %d, want %d: a refused order takes none", got, want)
		}
	}
	s.noMismatches(orderpgtest.Orders(), orderpgtest.Customers())
}

// TestManyClientsOfOneCustomer places and cancels orders of one customer at once: nobody is told of a conflict.
func TestManyClientsOfOneCustomer(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	const clients = 200
	errs := make([]error, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			v, err := application.Send(t.Context(), s.m, two("ann"))
			if err == nil && i%2 == 0 {
				_, err = application.Send(t.Context(), s.m, orderapp.Cancel{ID: v.ID, Reason: "no"})
			}
			errs[i] = err
		})
	}
	wg.Wait()
	check(t, errors.Join(errs...))
	s.noMismatches(orderpgtest.Orders(), orderpgtest.Customers())
}

// TestManyClientsShipTheSameOrders holds to what the order's clients are promised: each order ships once, and everybody
// is told of success, of the rule that is broken or of a conflict.
func TestManyClientsShipTheSameOrders(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	const orders, clients = 5, 50
	ids := make([]order.ID, orders)
	for i := range ids {
		ids[i] = send(s, two("ann")).ID
		send(s, orderapp.Confirm{ID: ids[i]})
	}
	errs := make([]error, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			c := orderapp.Ship{ID: ids[i%orders], Tracking: order.Tracking(fmt.Sprint("1Z-", i%3))}
			if i%7 == 0 {
				c.Expect = application.At(2)
			}
			_, errs[i] = application.Send(t.Context(), s.m, c)
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil && !errors.Is(err, domain.ErrRule) && !errors.Is(err, domain.ErrConflict) && !errors.Is(err, application.ErrPrecondition) {
			t.Errorf("client %d: %v", i, err)
		}
	}
	for _, id := range ids {
		if v := send(s, orderapp.Find{ID: id}); v.Status != order.StatusShipped || v.Version != 3 {
			t.Errorf("order is %s at version %d, want shipped at 3", v.Status, v.Version)
		}
	}
	s.noMismatches(orderpgtest.Orders(), orderpgtest.Customers())
}
