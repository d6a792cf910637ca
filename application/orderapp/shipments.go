package orderapp

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain/order"
)

// Notification is what a customer is to be told about a shipped order.
type Notification struct {
	Order    order.ID
	Event    uuid.UUID // that it is about
	Tracking order.Tracking
	At       time.Time
}

// Notifications keeps notifications, for whoever sends them.
type Notifications interface {
	// Add writes n through tx.
	Add(ctx context.Context, tx eventlog.Tx, n Notification) error
}

// ShipmentsTopic is where [Shipment] messages are published, for readers outside of this context.
const ShipmentsTopic = "order.shipments"

// TypeShipment names [Shipment] on its topic. It never changes.
const TypeShipment = "shipment.announced"

// Shipment announces a shipped order. It is published: its form changes only with a new schema version.
type Shipment struct {
	Order    order.ID       `json:"orderId"`
	Tracking order.Tracking `json:"trackingNumber"`
	At       time.Time      `json:"shippedAt"`
}

// Announce publishes a shipment with the unit of work.
func Announce(u *application.Unit, s Shipment) {
	u.Publish(application.Message{Topic: ShipmentsTopic, Key: string(s.Order), Type: TypeShipment, Payload: s})
}
