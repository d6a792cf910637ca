package order_test

import (
	"fmt"
	"time"

	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/domaintest"
	"github.com/tenon-go/tenon/domain/order"
)

const (
	id       = order.ID(domaintest.ID)
	customer = order.CustomerID("customer-7")
	parcel   = order.Tracking("1Z-999")
	regret   = order.Reason("ordered twice")
)

// at returns the n-th minute of the test's day.
func at(n int) time.Time { return time.Date(2026, 3, 14, 15, n, 0, 123456000, time.UTC) }

func euros(hundredths order.Amount) order.Money {
	return order.Money{Amount: hundredths, Currency: "EUR"}
}

func items() []order.Item {
	return []order.Item{
		{Product: "book", Quantity: 2, UnitPrice: euros(1250)},
		{Product: "pen", Quantity: 10, UnitPrice: euros(99)},
	}
}

func created() order.Created {
	return order.Created{ID: id, Customer: customer, Items: items(), Total: euros(3490), At: at(0)}
}

func confirmed() order.Confirmed { return order.Confirmed{ID: id, At: at(1)} }
func shipped() order.Shipped     { return order.Shipped{ID: id, Tracking: parcel, At: at(2)} }
func delivered() order.Delivered { return order.Delivered{ID: id, At: at(3)} }
func cancelled() order.Cancelled { return order.Cancelled{ID: id, Reason: regret, At: at(3)} }

// now is later than everything that was given.
func now() time.Time { return at(9) }

func confirm(o *order.Order) error { return o.Confirm(now()) }
func ship(o *order.Order) error    { return o.Ship(parcel, now()) }
func deliver(o *order.Order) error { return o.Deliver(now()) }
func cancel(o *order.Order) error  { return o.Cancel(regret, now()) }

// history returns the events that bring a new order to status.
func history(status order.Status) []domain.Event {
	switch status {
	case order.StatusPending:
		return []domain.Event{created()}
	case order.StatusConfirmed:
		return []domain.Event{created(), confirmed()}
	case order.StatusShipped:
		return []domain.Event{created(), confirmed(), shipped()}
	case order.StatusDelivered:
		return []domain.Event{created(), confirmed(), shipped(), delivered()}
	case order.StatusCancelled:
		return []domain.Event{created(), confirmed(), cancelled()}
	}
	panic(fmt.Sprintf("no history leads to %q", status))
}
