// Package orderhttp serves orders over HTTP: [Routes] adds POST /orders, GET /orders, GET /orders/{id}, GET
// /customers/{id}/revenue and the steps PUT /orders/{id}/confirm, /ship, /deliver and /cancel to an API.
//
// Amounts leave as decimal strings; they come in as strings or JSON numbers and never pass through a float. An order's version
// is its entity tag: a step with If-Match is taken at that version only. What the requests mean is in application/orderapp,
// how errors are answered in ports/httpport.
package orderhttp

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/orderapp"
	"github.com/tenon-go/tenon/ports/httpport"
)

const (
	onePath  = "/orders/{id}"
	orderTag = "orders"
)

// routes holds what the operations send.
type routes struct {
	place   func(context.Context, orderapp.Place) (orderapp.View, error)
	confirm func(context.Context, orderapp.Confirm) (application.Done, error)
	ship    func(context.Context, orderapp.Ship) (application.Done, error)
	deliver func(context.Context, orderapp.Deliver) (application.Done, error)
	cancel  func(context.Context, orderapp.Cancel) (application.Done, error)
	find    func(context.Context, orderapp.Find) (orderapp.View, error)
	list    func(context.Context, orderapp.List) (orderapp.Page, error)
	revenue func(context.Context, orderapp.Revenue) (orderapp.RevenuePage, error)
}

// Routes adds the operations to api and binds what they send, so that b.Build reports what nothing handles.
func Routes(api huma.API, b *application.Builder) {
	r := routes{
		place:   application.Bind[orderapp.Place](b),
		confirm: application.Bind[orderapp.Confirm](b),
		ship:    application.Bind[orderapp.Ship](b),
		deliver: application.Bind[orderapp.Deliver](b),
		cancel:  application.Bind[orderapp.Cancel](b),
		find:    application.Bind[orderapp.Find](b),
		list:    application.Bind[orderapp.List](b),
		revenue: application.Bind[orderapp.Revenue](b),
	}
	httpport.Handle(api, huma.Operation{
		OperationID: "place-order", Method: http.MethodPost, Path: "/orders", DefaultStatus: http.StatusCreated,
		Summary:     "Place an order",
		Description: "Each request makes another order. The items have one currency.",
		Tags:        []string{orderTag}, Errors: []int{http.StatusConflict},
	}, r.placeOrder)
	httpport.Handle(api, huma.Operation{
		OperationID: "list-orders", Method: http.MethodGet, Path: "/orders",
		Summary:     "List orders",
		Description: "Newest first, from the read model: it may be a moment behind what commands have done.",
		Tags:        []string{orderTag},
	}, r.listOrders)
	httpport.Handle(api, huma.Operation{
		OperationID: "get-order", Method: http.MethodGet, Path: onePath,
		Summary: "Get an order",
		Tags:    []string{orderTag}, Errors: []int{http.StatusNotFound},
		Responses: map[string]*huma.Response{"304": {Description: "The client has the current version."}},
	}, r.getOrder)
	httpport.Handle(api, huma.Operation{
		OperationID: "get-revenue", Method: http.MethodGet, Path: "/customers/{id}/revenue",
		Summary: "Get a customer's revenue by day",
		Description: "What the customer's orders that weren't cancelled add up to, by the day (UTC) on which they were placed and by currency. " +
			"Newest day first, from the read model: it may be a moment behind what commands have done. A customer without orders has no days.",
		Tags: []string{orderTag},
	}, r.getRevenue)
	httpport.Handle(api, step("confirm", "Confirm a pending order", "Confirming again changes nothing."), r.confirmOrder)
	httpport.Handle(api, step("ship", "Ship a confirmed order", "Again with the same tracking number changes nothing."), r.shipOrder)
	httpport.Handle(api, step("deliver", "Note that a shipped order has arrived", "Delivering again changes nothing."), r.deliverOrder)
	httpport.Handle(api, step("cancel", "Cancel an order that isn't shipped yet", "Cancelling again changes nothing: the first reason stays."), r.cancelOrder)
}

// step returns the operation of one step in an order's life.
func step(name, summary, description string) huma.Operation {
	return huma.Operation{
		OperationID: name + "-order", Method: http.MethodPut, Path: onePath + "/" + name,
		Summary: summary, Description: description,
		Tags: []string{orderTag}, Errors: []int{http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed},
	}
}
