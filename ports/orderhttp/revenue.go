package orderhttp

import (
	"context"

	"github.com/tenon-go/tenon/application/orderapp"
	"github.com/tenon-go/tenon/domain/order"
	"github.com/tenon-go/tenon/ports/httpport"
)

type revenueInput struct {
	httpport.Reads

	Customer string `path:"id" maxLength:"100" doc:"Id of the customer." example:"customer-7"`
	Limit    int    `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"Days on a page; each currency of a day counts."`
	After    string `query:"after" maxLength:"200" doc:"The field next of the page before; left out: the first page."`
}

type revenueOutput struct{ Body revenuePage }

// revenuePage is one page of a customer's days.
type revenuePage struct {
	_ struct{} `additionalProperties:"true"`

	Days []revenueDay `json:"days" nullable:"false"`
	Next string       `json:"next,omitempty" doc:"What to give as after for the next page; left out on the last one."`
}

// revenueDay is what the orders of one day and one currency add up to.
type revenueDay struct {
	_ struct{} `additionalProperties:"true"`

	Day         string `json:"day" format:"date" doc:"In UTC." example:"2026-03-14"`
	Currency    string `json:"currency" example:"EUR"`
	Orders      int64  `json:"orders" doc:"How many." example:"2"`
	TotalAmount string `json:"totalAmount" doc:"Decimal with two decimals." example:"25.00"`
}

func (r routes) getRevenue(ctx context.Context, in *revenueInput) (*revenueOutput, error) {
	page, err := r.revenue(ctx, orderapp.Revenue{Customer: order.CustomerID(in.Customer), Limit: in.Limit, After: in.After})
	if err != nil {
		return nil, renamed(err, "customerId", "path.id")
	}
	body := revenuePage{Days: make([]revenueDay, len(page.Days)), Next: page.Next}
	for i, d := range page.Days {
		body.Days[i] = revenueDay{Day: d.Day, Currency: string(d.Currency), Orders: d.Orders, TotalAmount: d.Total}
	}
	return &revenueOutput{Body: body}, nil
}
