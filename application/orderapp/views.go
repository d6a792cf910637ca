package orderapp

import (
	"context"
	"time"

	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
)

// The read models that [List] and [Revenue] read from, by the names of their projections.
const (
	ListModel    = "order_list"
	RevenueModel = "revenue"
)

// Views reads orders for queries, outside any transaction. Safe for concurrent use.
type Views interface {
	// Find returns an order's state as it was last committed; *domain.NotFoundError when there is none.
	Find(ctx context.Context, id order.ID) (View, error)
	// List returns the orders of the read model that pass the filter, newest first, by id where times are equal. None:
	// an empty list.
	List(ctx context.Context, f Filter) ([]Summary, error)
	// Revenue returns what a customer's orders add up to by day, newest day first, by currency from the last to the first
	// where days are equal. None: an empty list.
	Revenue(ctx context.Context, f RevenueFilter) ([]DayRevenue, error)
}

// View is an order as [Find] and [Place] show it.
type View struct {
	order.State

	Number int64 // among the customer's orders, from 1; given at the commit, so 0 in what Place returns
}

// Summary is an order as [List] shows it.
type Summary struct {
	ID        order.ID
	Customer  order.CustomerID
	Total     order.Money
	ItemCount int
	Status    order.Status
	Tracking  order.Tracking // empty before shipping
	Version   domain.Version // of the last event that has reached the read model
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Filter says which orders to list. What is empty doesn't restrict.
type Filter struct {
	Customer order.CustomerID
	Status   order.Status
	After    Position
	Limit    int // at least 1
}
