package orderpg

import (
	"context"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/orderapp"
)

// Notifications keeps notifications in orders.notifications.
type Notifications struct{}

var _ orderapp.Notifications = Notifications{}

// Add writes a row. It doesn't look whether there is one: whoever calls it does so once per event.
func (Notifications) Add(ctx context.Context, tx eventlog.Tx, n orderapp.Notification) error {
	_, err := postgres.SQL(tx).ExecContext(ctx,
		`INSERT INTO orders.notifications (order_id, event_id, tracking_number, shipped_at) VALUES ($1, $2, $3, $4)`,
		string(n.Order), n.Event, string(n.Tracking), n.At)
	if err != nil {
		return failed(ctx, "add notification", err)
	}
	return nil
}
