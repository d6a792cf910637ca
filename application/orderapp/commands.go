package orderapp

import (
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/domain/order"
)

// Place makes an order for a customer and returns it. Each sending is another order.
type Place struct {
	application.Returns[View]

	Customer order.CustomerID
	Currency order.Currency // of the items that don't name one; empty: Config.Currency
	Items    []PlaceItem    // 1 to order.MaxItems
}

// PlaceItem is one line of an order to be placed.
type PlaceItem struct {
	Product  order.ProductID
	Quantity order.Quantity
	Price    string         // of one piece, a decimal number as order.ParseAmount takes it: "12.50"
	Currency order.Currency // empty: the order's. An order has one currency
}

// Confirm accepts a pending order.
type Confirm struct {
	application.Returns[application.Done]

	ID     order.ID
	Expect application.Expect
}

// Ship notes that a confirmed order has left.
type Ship struct {
	application.Returns[application.Done]

	ID       order.ID
	Tracking order.Tracking
	Expect   application.Expect
}

// Deliver notes that a shipped order has arrived.
type Deliver struct {
	application.Returns[application.Done]

	ID     order.ID
	Expect application.Expect
}

// Cancel gives up an order that hasn't been shipped.
type Cancel struct {
	application.Returns[application.Done]

	ID     order.ID
	Reason order.Reason
	Expect application.Expect
}
