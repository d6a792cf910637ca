package orderapp

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
)

// Place handles [Place]. Errors: *domain.InvalidError, several joined; *[LimitError] when the customer has as many open
// orders as Config.MaxOpenOrders allows.
func (h Handlers) Place(_ context.Context, u *application.Unit, c Place) (View, error) {
	items, invalid := h.items(c)
	o, err := order.Place(order.ID(h.cfg.NewID().String()), c.Customer, items, u.Now())
	if err := errors.Join(invalid, err); err != nil {
		return View{}, err
	}
	application.Add(u, o)
	return View{State: o.State()}, nil
}

// items reads prices and currencies. An item whose price can't be read gets none and goes on to the domain's own checks
// with the others, so that the sender learns of all mistakes at once.
func (h Handlers) items(c Place) ([]order.Item, error) {
	if len(c.Items) > order.MaxItems {
		return make([]order.Item, len(c.Items)), nil // too many to look at; the domain says so
	}
	var errs []error
	currency := cmp.Or(c.Currency, h.cfg.Currency)
	items := make([]order.Item, len(c.Items))
	for i, given := range c.Items {
		price, err := order.ParseAmount(given.Price)
		if err != nil {
			errs = append(errs, at(i, "price", err))
		}
		own := cmp.Or(given.Currency, currency)
		if c.Currency != "" && own != c.Currency {
			errs = append(errs, at(i, "currency", &domain.InvalidError{
				Given: fmt.Sprintf("%.10q", own), Reason: fmt.Sprintf("must be the order's, %.10q", c.Currency),
			}))
			own = c.Currency
		}
		items[i] = order.Item{
			Product: given.Product, Quantity: given.Quantity,
			UnitPrice: order.Money{Amount: price, Currency: own},
		}
	}
	return items, errors.Join(errs[:min(len(errs), maxProblems)]...)
}

// maxProblems bounds what one answer says of prices and currencies.
const maxProblems = 20

// at gives err, which is about a field of the i-th item, that field's path.
func at(i int, field string, err error) error {
	invalid, ok := errors.AsType[*domain.InvalidError](err)
	if !ok {
		return err
	}
	placed := *invalid
	placed.Field = fmt.Sprintf("items[%d].%s", i, field)
	return &placed
}
