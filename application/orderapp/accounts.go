package orderapp

import (
	"context"
	"fmt"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
)

// Accounts keeps, per customer, the number of the last order and how many are open. It is written inside the unit's
// transaction, so that a unit that fails has reserved nothing and numbers have no gaps.
//
// It is a counter row and not an aggregate: concurrent orders of one customer queue for the row instead of conflicting
// and being retried, and it costs one statement. Safe for concurrent use.
type Accounts interface {
	// Open counts a new order and gives it its customer's next number. With a limit above 0 it returns *[LimitError]
	// when that many are open already; the transaction can only be rolled back then.
	Open(ctx context.Context, tx eventlog.Tx, customer order.CustomerID, id order.ID, limit int) error
	// Close counts an order, opened before, as no longer open.
	Close(ctx context.Context, tx eventlog.Tx, id order.ID) error
}

// LimitError says that a customer has as many open orders as are allowed. It matches domain.ErrRule.
type LimitError struct {
	Customer order.CustomerID
	Limit    int
}

// Error names the customer and the limit.
func (e *LimitError) Error() string {
	return fmt.Sprintf("customer %q has %d open orders already, as many as are allowed", e.Customer, e.Limit)
}

// Is reports whether target is domain.ErrRule.
func (e *LimitError) Is(target error) bool { return target == domain.ErrRule }

// opened runs before the commit of every new order.
func (h Handlers) opened(ctx context.Context, u *application.Unit, e application.Recorded[order.Created]) error {
	return h.cfg.Accounts.Open(ctx, u.Tx(), e.Event.Customer, e.Event.ID, h.cfg.MaxOpenOrders)
}

// delivered runs before the commit of every delivery.
func (h Handlers) delivered(ctx context.Context, u *application.Unit, e application.Recorded[order.Delivered]) error {
	return h.cfg.Accounts.Close(ctx, u.Tx(), e.Event.ID)
}

// cancelled runs before the commit of every cancellation.
func (h Handlers) cancelled(ctx context.Context, u *application.Unit, e application.Recorded[order.Cancelled]) error {
	return h.cfg.Accounts.Close(ctx, u.Tx(), e.Event.ID)
}
