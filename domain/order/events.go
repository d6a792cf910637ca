package order

import "time"

// Stored names of the events. They are on disks and on topics: they never change.
const (
	TypeCreated   = "order.created"
	TypeConfirmed = "order.confirmed"
	TypeShipped   = "order.shipped"
	TypeDelivered = "order.delivered"
	TypeCancelled = "order.cancelled"
)

// Created says that a customer placed an order.
type Created struct {
	ID       ID         `json:"orderId"`
	Customer CustomerID `json:"customerId"`
	Items    []Item     `json:"items"`
	Total    Money      `json:"total"` // sum of the items, so that readers needn't add
	At       time.Time  `json:"at"`
}

// Confirmed says that the order was accepted.
type Confirmed struct {
	ID ID        `json:"orderId"`
	At time.Time `json:"at"`
}

// Shipped says that the order was handed to a carrier.
type Shipped struct {
	ID       ID        `json:"orderId"`
	Tracking Tracking  `json:"trackingNumber"`
	At       time.Time `json:"at"`
}

// Delivered says that the order has arrived.
type Delivered struct {
	ID ID        `json:"orderId"`
	At time.Time `json:"at"`
}

// Cancelled says that the order was given up before it was shipped.
type Cancelled struct {
	ID     ID        `json:"orderId"`
	Reason Reason    `json:"reason"`
	At     time.Time `json:"at"`
}
