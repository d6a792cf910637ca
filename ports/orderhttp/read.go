package orderhttp

import (
	"context"

	"github.com/tenon-go/tenon/application/orderapp"
	"github.com/tenon-go/tenon/domain/order"
	"github.com/tenon-go/tenon/ports/httpport"
)

type getInput struct {
	ID          string `path:"id" format:"uuid" doc:"Id of the order."`
	IfNoneMatch string `header:"If-None-Match" doc:"Answer 304 when the order is still at a version of these entity tags." example:"\"1\""`
}

type getOutput struct {
	ETag string `header:"ETag" doc:"Version of the order in quotes, for If-Match."`
	Body orderBody
}

func (r routes) getOrder(ctx context.Context, in *getInput) (*getOutput, error) {
	id, err := pathID(in.ID)
	if err != nil {
		return nil, err
	}
	v, err := r.find(ctx, orderapp.Find{ID: id})
	if err != nil {
		return nil, err
	}
	has, err := httpport.IfNoneMatch(in.IfNoneMatch, v.Version)
	switch {
	case err != nil:
		return nil, err
	case has:
		return nil, httpport.NotModified(v.Version)
	}
	return &getOutput{ETag: httpport.ETag(v.Version), Body: newOrderBody(v)}, nil
}

type listInput struct {
	httpport.Reads

	Customer string `query:"customer" maxLength:"100" doc:"Only this customer's orders."`
	Status   string `query:"status" enum:"pending,confirmed,shipped,delivered,cancelled" doc:"Only orders in this status."`
	Limit    int    `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"Orders on a page."`
	After    string `query:"after" maxLength:"200" doc:"The field next of the page before; left out: the first page."`
}

type listOutput struct{ Body orderPage }

func (r routes) listOrders(ctx context.Context, in *listInput) (*listOutput, error) {
	page, err := r.list(ctx, orderapp.List{
		Customer: order.CustomerID(in.Customer), Status: order.Status(in.Status), Limit: in.Limit, After: in.After,
	})
	if err != nil {
		return nil, renamed(err, "customerId", "query.customer")
	}
	body := orderPage{Orders: make([]orderSummary, len(page.Orders)), Next: page.Next}
	for i, s := range page.Orders {
		body.Orders[i] = newOrderSummary(s)
	}
	return &listOutput{Body: body}, nil
}
