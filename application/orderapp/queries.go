package orderapp

import (
	"context"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/domain/order"
)

// Limits of a page of [List] and of [Revenue].
const (
	DefaultLimit = 20
	MaxLimit     = 100
)

// Find asks for one order as it is now. *domain.NotFoundError when there is none.
type Find struct {
	application.Returns[View]

	ID order.ID
}

// List asks for orders in the read model, newest first. It may be a moment behind what commands have done.
type List struct {
	application.Returns[Page]

	Customer order.CustomerID // empty: everybody's
	Status   order.Status     // empty: in any status
	Limit    int              // orders on a page, 1 to MaxLimit; 0 means DefaultLimit
	After    string           // Page.Next of the page before; empty: the first page
}

// Page is one page of the list.
type Page struct {
	Orders []Summary
	Next   string // what to pass as After for the next page; empty when there is none
}

// Find handles [Find].
func (h Handlers) Find(ctx context.Context, q Find) (View, error) {
	id, err := order.ParseID(string(q.ID))
	if err != nil {
		return View{}, err
	}
	return h.cfg.Views.Find(ctx, id)
}

// List handles [List].
func (h Handlers) List(ctx context.Context, q List) (Page, error) {
	filter, err := q.filter()
	if err != nil {
		return Page{}, err
	}
	limit := filter.Limit
	filter.Limit++ // one more tells whether there is a next page
	orders, err := h.cfg.Views.List(ctx, filter)
	if err != nil || len(orders) <= limit {
		return Page{Orders: orders}, err
	}
	return Page{Orders: orders[:limit], Next: positionOf(orders[limit-1]).String()}, nil
}

// filter checks the query and reads its cursor.
func (q List) filter() (Filter, error) {
	limit, err := checkLimit(q.Limit)
	if err != nil {
		return Filter{}, err
	}
	f := Filter{Customer: q.Customer, Status: q.Status, Limit: limit}
	if q.Customer != "" {
		if err := q.Customer.Check(); err != nil {
			return Filter{}, err
		}
	}
	if q.Status != "" {
		if _, err := order.ParseStatus(string(q.Status)); err != nil {
			return Filter{}, err
		}
	}
	if q.After != "" {
		after, err := parsePosition(q.After)
		if err != nil {
			return Filter{}, err
		}
		f.After = after
	}
	return f, nil
}
