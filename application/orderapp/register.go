// Package orderapp is what can be done with orders: commands ([Place], [Confirm], [Ship], [Deliver], [Cancel]), queries
// ([Find], [List], [Revenue]) and the ports they need ([Views], [Accounts], [Counter]). [Register] wires them.
//
// Commands return *domain.InvalidError for what was given, errors matching domain.ErrRule for what the state forbids,
// *domain.NotFoundError, and *application.PreconditionError when an Expect isn't met. The rules themselves are in
// domain/order; adapters/orderpg implements the ports.
package orderapp

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/domain/order"
)

// Config is what the context needs. The ports and Currency must be given.
type Config struct {
	Orders   application.Repository[*order.Order]
	Views    Views
	Accounts Accounts

	Currency      order.Currency     // of orders that don't name one
	MaxOpenOrders int                // per customer, neither delivered nor cancelled; 0 means no limit
	Topics        application.Topics // nil: application.TopicPerAggregate, "domain.order.events"
	NewID         func() uuid.UUID   // nil: random UUIDs of version 7
	Logger        *slog.Logger       // gets a line for each committed event; nil: none
	Counter       Counter            // counts committed events; nil: nobody does
}

// Register adds aggregate, events, commands, queries and handlers to b. The error names every setting that is wrong.
func Register(b *application.Builder, cfg Config) error {
	if err := cfg.check(); err != nil {
		return fmt.Errorf("order context: %w", err)
	}
	if cfg.NewID == nil {
		cfg.NewID = func() uuid.UUID { return uuid.Must(uuid.NewV7()) }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Counter == nil {
		cfg.Counter = noCounter{}
	}
	h := Handlers{cfg: cfg}
	application.Register(b, order.AggregateType, cfg.Orders, cfg.Topics)
	registerEvents(b, h)

	application.Handle(b, h.Place)
	application.Handle(b, h.Confirm)
	application.Handle(b, h.Ship)
	application.Handle(b, h.Deliver)
	application.Handle(b, h.Cancel)
	application.Answer(b, h.Find)
	application.Answer(b, h.List, ListModel)
	application.Answer(b, h.Revenue, RevenueModel)

	application.Before(b, h.opened)
	application.Before(b, h.delivered)
	application.Before(b, h.cancelled)
	return nil
}

func registerEvents(b *application.Builder, h Handlers) {
	registerEvent[order.Created](b, h, order.TypeCreated)
	registerEvent[order.Confirmed](b, h, order.TypeConfirmed)
	registerEvent[order.Shipped](b, h, order.TypeShipped)
	registerEvent[order.Delivered](b, h, order.TypeDelivered)
	registerEvent[order.Cancelled](b, h, order.TypeCancelled)
}

func registerEvent[E any](b *application.Builder, h Handlers, name string) {
	application.Event[E](b, name, 1)
	application.On(b, noted[E](h, name))
}

func (c *Config) check() error {
	var errs []error
	if c.Orders == nil || c.Views == nil || c.Accounts == nil {
		errs = append(errs, errors.New("Orders, Views and Accounts must be given"))
	}
	if _, err := order.ParseCurrency(string(c.Currency)); err != nil {
		errs = append(errs, fmt.Errorf("default %w", err))
	}
	if c.MaxOpenOrders < 0 {
		errs = append(errs, fmt.Errorf("MaxOpenOrders is %d: want a number from 1, or 0 for no limit", c.MaxOpenOrders))
	}
	return errors.Join(errs...)
}
