// Package orderconsumer holds the order context's message handlers, as examples of the two ways in which events reach one:
// [Announcements] reads the topic of orders from Kafka and publishes to a topic of its own, [Notifications] reads the log.
// What they decide is in orderapp.
package orderconsumer

import (
	"context"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/orderapp"
	"github.com/tenon-go/tenon/domain/order"
	"github.com/tenon-go/tenon/ports/consumer"
)

// Announcements returns the handler that announces every shipped order on orderapp.ShipmentsTopic. The announcement leaves
// through the log, in the transaction that notes the event as handled: there is one for each, whatever comes twice.
func Announcements(b *application.Builder, topic string) consumer.Handler {
	within := application.Joined(b)
	h := consumer.Handler{Name: "order_announcements", Topic: topic}
	consumer.On(&h, order.TypeShipped, func(ctx context.Context, tx eventlog.Tx, e order.Shipped) error {
		return within(ctx, tx, func(_ context.Context, u *application.Unit) error {
			orderapp.Announce(u, orderapp.Shipment{Order: e.ID, Tracking: e.Tracking, At: e.At})
			return nil
		})
	})
	return h
}

// Notifications returns the handler that writes one notification for each shipped order.
func Notifications(n orderapp.Notifications) consumer.Handler {
	h := consumer.Handler{Name: "order_notifications"}
	consumer.On(&h, order.TypeShipped, func(ctx context.Context, tx eventlog.Tx, e order.Shipped) error {
		return n.Add(ctx, tx, orderapp.Notification{Order: e.ID, Event: consumer.Received(ctx).ID, Tracking: e.Tracking, At: e.At})
	})
	return h
}
