package orderhttp

import (
	"time"

	"github.com/tenon-go/tenon/application/orderapp"
)

// orderBody is an order as clients see it. Answers may gain fields: their schemas say so.
type orderBody struct {
	_ struct{} `additionalProperties:"true"`

	ID           string      `json:"id" format:"uuid"`
	Number       int64       `json:"number,omitempty" doc:"The customer's n-th order; given when the order is stored, so not in the answer to placing it." example:"3"`
	Customer     string      `json:"customerId" example:"customer-7"`
	TotalAmount  string      `json:"totalAmount" doc:"Decimal with two decimals." example:"25.00"`
	Currency     string      `json:"currency" example:"EUR"`
	Status       string      `json:"status" enum:"pending,confirmed,shipped,delivered,cancelled"`
	Tracking     string      `json:"trackingNumber,omitempty" doc:"Once shipped."`
	CancelReason string      `json:"cancelReason,omitempty" doc:"Once cancelled."`
	Version      int64       `json:"version" doc:"Number of changes; also in the header ETag." example:"1"`
	CreatedAt    time.Time   `json:"createdAt"`
	UpdatedAt    time.Time   `json:"updatedAt"`
	Items        []orderItem `json:"items" nullable:"false"`
}

type orderItem struct {
	_ struct{} `additionalProperties:"true"`

	Product  string `json:"productId" example:"book"`
	Quantity int    `json:"quantity" example:"2"`
	Price    string `json:"price" doc:"Of one piece, with two decimals." example:"12.50"`
}

// orderPage is one page of the list.
type orderPage struct {
	_ struct{} `additionalProperties:"true"`

	Orders []orderSummary `json:"orders" nullable:"false"`
	Next   string         `json:"next,omitempty" doc:"What to give as after for the next page; left out on the last one."`
}

// orderSummary is an order as the read model has it.
type orderSummary struct {
	_ struct{} `additionalProperties:"true"`

	ID          string    `json:"id" format:"uuid"`
	Customer    string    `json:"customerId" example:"customer-7"`
	TotalAmount string    `json:"totalAmount" doc:"Decimal with two decimals." example:"25.00"`
	Currency    string    `json:"currency" example:"EUR"`
	ItemCount   int       `json:"itemCount" example:"1"`
	Status      string    `json:"status" enum:"pending,confirmed,shipped,delivered,cancelled"`
	Tracking    string    `json:"trackingNumber,omitempty" doc:"Once shipped."`
	Version     int64     `json:"version" doc:"Of the last change that has reached the read model." example:"1"`
	CreatedAt   time.Time `json:"createdAt"`
	UpdatedAt   time.Time `json:"updatedAt"`
}

func newOrderBody(v orderapp.View) orderBody {
	b := orderBody{
		ID: string(v.ID), Number: v.Number, Customer: string(v.Customer),
		TotalAmount: v.Total.Amount.String(), Currency: string(v.Total.Currency),
		Status: string(v.Status), Tracking: string(v.Tracking), CancelReason: string(v.CancelReason),
		Version: int64(v.Version), CreatedAt: v.CreatedAt.UTC(), UpdatedAt: v.UpdatedAt.UTC(), Items: make([]orderItem, len(v.Items)),
	}
	for i, item := range v.Items {
		b.Items[i] = orderItem{Product: string(item.Product), Quantity: int(item.Quantity), Price: item.UnitPrice.Amount.String()}
	}
	return b
}

func newOrderSummary(s orderapp.Summary) orderSummary {
	return orderSummary{
		ID: string(s.ID), Customer: string(s.Customer), TotalAmount: s.Total.Amount.String(), Currency: string(s.Total.Currency),
		ItemCount: s.ItemCount, Status: string(s.Status), Tracking: string(s.Tracking), Version: int64(s.Version),
		CreatedAt: s.CreatedAt.UTC(), UpdatedAt: s.UpdatedAt.UTC(),
	}
}
