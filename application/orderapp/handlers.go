package orderapp

import (
	"context"
	"time"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/domain/order"
)

// Handlers answer the context's commands and queries. Made by [Register]; safe for concurrent use.
type Handlers struct{ cfg Config }

// Confirm handles [Confirm].
func (h Handlers) Confirm(ctx context.Context, u *application.Unit, c Confirm) (application.Done, error) {
	return change(ctx, u, c.ID, c.Expect, func(o *order.Order, now time.Time) error { return o.Confirm(now) })
}

// Ship handles [Ship].
func (h Handlers) Ship(ctx context.Context, u *application.Unit, c Ship) (application.Done, error) {
	return change(ctx, u, c.ID, c.Expect, func(o *order.Order, now time.Time) error { return o.Ship(c.Tracking, now) })
}

// Deliver handles [Deliver].
func (h Handlers) Deliver(ctx context.Context, u *application.Unit, c Deliver) (application.Done, error) {
	return change(ctx, u, c.ID, c.Expect, func(o *order.Order, now time.Time) error { return o.Deliver(now) })
}

// Cancel handles [Cancel].
func (h Handlers) Cancel(ctx context.Context, u *application.Unit, c Cancel) (application.Done, error) {
	return change(ctx, u, c.ID, c.Expect, func(o *order.Order, now time.Time) error { return o.Cancel(c.Reason, now) })
}

// change loads an order and lets it decide; the unit of work saves what it recorded.
func change(ctx context.Context, u *application.Unit, given order.ID, expect application.Expect,
	decide func(*order.Order, time.Time) error,
) (application.Done, error) {
	id, err := order.ParseID(string(given))
	if err != nil {
		return application.Done{}, err
	}
	o, err := application.Get[order.Order](ctx, u, id, expect)
	if err != nil {
		return application.Done{}, err
	}
	return application.Done{}, decide(o, u.Now())
}
