package orderhttp

import (
	"context"
	"errors"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/orderapp"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
	"github.com/tenon-go/tenon/ports/httpport"
)

type stepInput struct {
	ID      string `path:"id" format:"uuid" doc:"Id of the order."`
	IfMatch string `header:"If-Match" doc:"Take the step only at a version of these entity tags; otherwise 412." example:"\"1\""`
}

type shipInput struct {
	ID      string `path:"id" format:"uuid" doc:"Id of the order."`
	IfMatch string `header:"If-Match" doc:"Take the step only at a version of these entity tags; otherwise 412." example:"\"2\""`
	Body    shipOrder
}

// shipOrder is the body of PUT /orders/{id}/ship.
type shipOrder struct {
	Tracking string `json:"trackingNumber" minLength:"1" maxLength:"100" doc:"The carrier's number for the parcel." example:"1Z-999"`
}

type cancelInput struct {
	ID      string `path:"id" format:"uuid" doc:"Id of the order."`
	IfMatch string `header:"If-Match" doc:"Take the step only at a version of these entity tags; otherwise 412." example:"\"1\""`
	Body    cancelOrder
}

// cancelOrder is the body of PUT /orders/{id}/cancel.
type cancelOrder struct {
	Reason string `json:"reason" minLength:"1" maxLength:"500" doc:"Why, in words." example:"ordered twice"`
}

// stepOutput is an answer without a body: 204.
type stepOutput struct{}

func (r routes) confirmOrder(ctx context.Context, in *stepInput) (*stepOutput, error) {
	id, expect, err := target(in.ID, in.IfMatch)
	if err != nil {
		return nil, err
	}
	return done(r.confirm(ctx, orderapp.Confirm{ID: id, Expect: expect}))
}

func (r routes) shipOrder(ctx context.Context, in *shipInput) (*stepOutput, error) {
	id, expect, err := target(in.ID, in.IfMatch)
	if err != nil {
		return nil, err
	}
	return done(r.ship(ctx, orderapp.Ship{ID: id, Tracking: order.Tracking(in.Body.Tracking), Expect: expect}))
}

func (r routes) deliverOrder(ctx context.Context, in *stepInput) (*stepOutput, error) {
	id, expect, err := target(in.ID, in.IfMatch)
	if err != nil {
		return nil, err
	}
	return done(r.deliver(ctx, orderapp.Deliver{ID: id, Expect: expect}))
}

func (r routes) cancelOrder(ctx context.Context, in *cancelInput) (*stepOutput, error) {
	id, expect, err := target(in.ID, in.IfMatch)
	if err != nil {
		return nil, err
	}
	return done(r.cancel(ctx, orderapp.Cancel{ID: id, Reason: order.Reason(in.Body.Reason), Expect: expect}))
}

// target returns the order that a step is for and the version that it must be at.
func target(id, ifMatch string) (order.ID, application.Expect, error) {
	parsed, err := pathID(id)
	if err != nil {
		return "", application.Expect{}, err
	}
	expect, err := httpport.IfMatch(ifMatch)
	return parsed, expect, err
}

// pathID returns the order id in a path. Its error says that it was there.
func pathID(text string) (order.ID, error) {
	id, err := order.ParseID(text)
	return id, renamed(err, "id", "path.id")
}

// renamed returns err, with the field that it is about under the name that clients know.
func renamed(err error, field, name string) error {
	invalid, ok := errors.AsType[*domain.InvalidError](err)
	if !ok || invalid.Field != field {
		return err
	}
	known := *invalid
	known.Field = name
	return &known
}

func done(_ application.Done, err error) (*stepOutput, error) {
	return new(stepOutput), err
}
