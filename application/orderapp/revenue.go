package orderapp

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
)

// Revenue asks what a customer's orders that weren't cancelled add up to, by the day on which they were placed. The read model
// may be a moment behind what commands have done.
type Revenue struct {
	application.Returns[RevenuePage]

	Customer order.CustomerID
	Limit    int    // days on a page, each currency counting for itself, 1 to MaxLimit; 0 means DefaultLimit
	After    string // RevenuePage.Next of the page before; empty: the first page
}

// RevenuePage is one page of [Revenue].
type RevenuePage struct {
	Days []DayRevenue
	Next string // what to pass as After for the next page; empty when there is none
}

// DayRevenue is what a customer's orders of a day and a currency add up to.
type DayRevenue struct {
	Day      string // 2026-03-14, in UTC
	Currency order.Currency
	Orders   int64
	Total    string // decimal with two decimals; may be more than an order.Amount holds
}

// RevenueFilter says which days to list.
type RevenueFilter struct {
	Customer order.CustomerID
	After    DayPosition
	Limit    int // at least 1
}

// DayPosition is a place in a customer's list of days: behind that day's currency. The zero value is the list's beginning.
type DayPosition struct {
	Day      string
	Currency order.Currency
}

// Revenue handles [Revenue].
func (h Handlers) Revenue(ctx context.Context, q Revenue) (RevenuePage, error) {
	filter, err := q.filter()
	if err != nil {
		return RevenuePage{}, err
	}
	limit := filter.Limit
	filter.Limit++ // one more tells whether there is a next page
	days, err := h.cfg.Views.Revenue(ctx, filter)
	if err != nil || len(days) <= limit {
		return RevenuePage{Days: days}, err
	}
	last := days[limit-1]
	return RevenuePage{Days: days[:limit], Next: DayPosition{Day: last.Day, Currency: last.Currency}.String()}, nil
}

func (q Revenue) filter() (RevenueFilter, error) {
	if err := q.Customer.Check(); err != nil {
		return RevenueFilter{}, err
	}
	limit, err := checkLimit(q.Limit)
	if err != nil || q.After == "" {
		return RevenueFilter{Customer: q.Customer, Limit: limit}, err
	}
	after, err := parseDayPosition(q.After)
	return RevenueFilter{Customer: q.Customer, Limit: limit, After: after}, err
}

func checkLimit(limit int) (int, error) {
	switch {
	case limit == 0:
		return DefaultLimit, nil
	case limit < 1 || limit > MaxLimit:
		return 0, &domain.InvalidError{Field: "limit", Given: strconv.Itoa(limit), Reason: fmt.Sprintf("must be 1 to %d", MaxLimit)}
	}
	return limit, nil
}

// String returns the position in the opaque form that clients hand back.
func (p DayPosition) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte(p.Day + "/" + string(p.Currency)))
}

func parseDayPosition(text string) (DayPosition, error) {
	data, err := base64.RawURLEncoding.DecodeString(text)
	day, currency, _ := strings.Cut(string(data), "/")
	if err == nil {
		_, err = time.Parse(time.DateOnly, day)
	}
	if err == nil {
		_, err = order.ParseCurrency(currency)
	}
	if err != nil || day < "0001" {
		return DayPosition{}, invalidAfter(text)
	}
	return DayPosition{Day: day, Currency: order.Currency(currency)}, nil
}
