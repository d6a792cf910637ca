package orderhttp

import (
	"context"
	"errors"
	"fmt"

	"github.com/tenon-go/tenon/application/orderapp"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
	"github.com/tenon-go/tenon/ports/httpport"
)

type placeInput struct{ Body placeOrder }

// placeOrder is the body of POST /orders.
type placeOrder struct {
	Customer string           `json:"customerId" minLength:"1" maxLength:"100" doc:"Who orders." example:"customer-7"`
	Currency string           `json:"currency,omitempty" minLength:"3" maxLength:"3" doc:"ISO 4217 code of a currency with two decimals; left out: the service's default." example:"EUR"`
	Items    []placeOrderItem `json:"items" nullable:"false" minItems:"1" maxItems:"1000" doc:"What is ordered."`
}

type placeOrderItem struct {
	Product  string   `json:"productId" minLength:"1" maxLength:"100" example:"book"`
	Quantity pieces   `json:"quantity" doc:"Number of pieces, at most 1000000."`
	Price    unitCost `json:"price" doc:"Of one piece."`
	Currency string   `json:"currency,omitempty" minLength:"3" maxLength:"3" doc:"Left out: the order's. An order has one currency." example:"EUR"`
}

type placeOutput struct {
	Location string `header:"Location" doc:"Path of the order."`
	ETag     string `header:"ETag" doc:"Version of the order in quotes, for If-Match."`
	Body     orderBody
}

func (r routes) placeOrder(ctx context.Context, in *placeInput) (*placeOutput, error) {
	command, err := in.Body.command()
	if err != nil {
		return nil, err
	}
	v, err := r.place(ctx, command)
	if err != nil {
		return nil, err
	}
	return &placeOutput{Location: "/orders/" + string(v.ID), ETag: httpport.ETag(v.Version), Body: newOrderBody(v)}, nil
}

// command returns what b asks for. The error says what the command's types can't hold; the rest is checked by the domain.
func (b *placeOrder) command() (orderapp.Place, error) {
	var errs []error
	if b.Currency != "" {
		if _, err := order.ParseCurrency(b.Currency); err != nil {
			errs = append(errs, err)
		}
	}
	c := orderapp.Place{
		Customer: order.CustomerID(b.Customer), Currency: order.Currency(b.Currency), Items: make([]orderapp.PlaceItem, len(b.Items)),
	}
	for i, item := range b.Items {
		quantity, err := item.Quantity.quantity()
		if err != nil {
			errs = append(errs, &domain.InvalidError{
				Field: fmt.Sprintf("items[%d].quantity", i), Given: string(item.Quantity), Reason: err.Error(),
			})
		}
		c.Items[i] = orderapp.PlaceItem{
			Product: order.ProductID(item.Product), Quantity: quantity, Price: string(item.Price), Currency: order.Currency(item.Currency),
		}
	}
	return c, errors.Join(errs...)
}
