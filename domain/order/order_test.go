package order_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/domaintest"
	"github.com/tenon-go/tenon/domain/order"
)

func TestPlaceRecordsCreatedWithTheTotal(t *testing.T) {
	t.Parallel()
	o := domaintest.Create(t, func() (*order.Order, error) { return order.Place(id, customer, items(), at(0)) }).Then(created())
	want := order.State{
		ID: id, Customer: customer, Items: items(), Total: euros(3490), Status: order.StatusPending,
		CreatedAt: at(0), UpdatedAt: at(0), Version: 1,
	}
	if diff := cmp.Diff(want, o.State()); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
}

func TestPlaceKeepsItsOwnItems(t *testing.T) {
	t.Parallel()
	mine := items()
	o, err := order.Place(id, customer, mine, now())
	if err != nil {
		t.Fatal(err)
	}
	mine[0].Quantity = 999
	o.State().Items[1].Quantity = 999
	if diff := cmp.Diff(items(), o.State().Items); diff != "" {
		t.Errorf("items changed from outside (-want +got):\n%s", diff)
	}
}

func TestTimesAreThoseThatADatabaseGivesBack(t *testing.T) {
	t.Parallel()
	berlin := time.FixedZone("CET", 3600)
	given := time.Date(2026, 1, 2, 3, 4, 5, 123456789, berlin)
	o, err := order.Place(id, customer, items(), given)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := o.State().CreatedAt, time.Date(2026, 1, 2, 2, 4, 5, 123456000, time.UTC); got != want {
		t.Errorf("created at %v, want exactly %v", got, want)
	}
}

func TestPlaceRefuses(t *testing.T) {
	t.Parallel()
	const tooMuch = order.MaxAmount
	tests := map[string]struct {
		id       order.ID
		customer order.CustomerID
		change   func([]order.Item) []order.Item
		fields   []string
	}{
		"no id":                     {"", customer, nil, []string{"id"}},
		"id in capitals":            {"0198C5A8-7B1E-7C3A-9D2F-3F6F2A9B1C4D", customer, nil, []string{"id"}},
		"no customer":               {id, "", nil, []string{"customerId"}},
		"customer too long":         {id, order.CustomerID(strings.Repeat("é", 101)), nil, []string{"customerId"}},
		"customer with NUL":         {id, "a\x00b", nil, []string{"customerId"}},
		"customer with line break":  {id, "a\nb", nil, []string{"customerId"}},
		"customer not UTF-8":        {id, "a\xff", nil, []string{"customerId"}},
		"no items":                  {id, customer, func([]order.Item) []order.Item { return nil }, []string{"items"}},
		"too many items":            {id, customer, many(order.MaxItems + 1), []string{"items"}},
		"no product":                {id, customer, change(1, func(i *order.Item) { i.Product = "" }), []string{"items[1].productId"}},
		"quantity 0":                {id, customer, change(0, func(i *order.Item) { i.Quantity = 0 }), []string{"items[0].quantity"}},
		"quantity negative":         {id, customer, change(0, func(i *order.Item) { i.Quantity = -1 }), []string{"items[0].quantity"}},
		"quantity too large":        {id, customer, change(0, func(i *order.Item) { i.Quantity = 1_000_001 }), []string{"items[0].quantity"}},
		"price negative":            {id, customer, change(1, func(i *order.Item) { i.UnitPrice.Amount = -1 }), []string{"items[1].price"}},
		"price too large":           {id, customer, change(1, func(i *order.Item) { i.UnitPrice.Amount = tooMuch + 1 }), []string{"items[1].price"}},
		"currency without decimals": {id, customer, every("JPY"), []string{"items[0].currency"}},
		"currencies that differ":    {id, customer, change(1, func(i *order.Item) { i.UnitPrice.Currency = "USD" }), []string{"items[1].currency"}},
		"line too large":            {id, customer, change(0, func(i *order.Item) { i.UnitPrice.Amount = tooMuch/2 + 1 }), []string{"items"}},
		"sum too large":             {id, customer, change(1, func(i *order.Item) { *i = order.Item{"pen", 1, euros(tooMuch)} }), []string{"items"}},
		"line beyond 64 bits": {id, customer, change(0, func(i *order.Item) {
			*i = order.Item{"pen", order.MaxQuantity, euros(tooMuch)}
		}), []string{"items"}},
		"line that wraps round to 4483.84": {id, customer, change(0, func(i *order.Item) {
			*i = order.Item{"pen", 1_000_000, euros(18_446_744_073_710)}
		}), []string{"items"}},
		"everything at once": {"x", "", change(1, func(i *order.Item) { *i = order.Item{} }), []string{
			"id", "customerId", "items[1].productId", "items[1].quantity", "items[1].currency",
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			given := items()
			if tt.change != nil {
				given = tt.change(given)
			}
			o, err := order.Place(tt.id, tt.customer, given, now())
			if o != nil || !errors.Is(err, domain.ErrInvalid) {
				t.Fatalf("Place = %v, %v; want domain.ErrInvalid", o, err)
			}
			if diff := cmp.Diff(tt.fields, fields(err)); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlaceReportsAtMostTwentyProblems(t *testing.T) {
	t.Parallel()
	_, err := order.Place(id, customer, make([]order.Item, order.MaxItems), now())
	if got := len(fields(err)); got != 20 {
		t.Errorf("%d problems reported, want 20", got)
	}
}

func TestPlaceTakesTheLargestOrder(t *testing.T) {
	t.Parallel()
	largest := many(order.MaxItems)(nil)
	largest[0].UnitPrice.Amount = order.MaxAmount
	for i := range largest[1:] {
		largest[i+1].UnitPrice.Amount = 0
	}
	o, err := order.Place(id, order.CustomerID(strings.Repeat("é", 100)), largest, now())
	if err != nil {
		t.Fatal(err)
	}
	if got := o.Total(); got != euros(order.MaxAmount) {
		t.Errorf("total is %v, want %v", got, euros(order.MaxAmount))
	}
}

func many(n int) func([]order.Item) []order.Item {
	return func([]order.Item) []order.Item {
		return slices.Repeat([]order.Item{{Product: "pen", Quantity: 1, UnitPrice: euros(1)}}, n)
	}
}

func change(i int, f func(*order.Item)) func([]order.Item) []order.Item {
	return func(all []order.Item) []order.Item {
		f(&all[i])
		return all
	}
}

func every(c order.Currency) func([]order.Item) []order.Item {
	return func(all []order.Item) []order.Item {
		for i := range all {
			all[i].UnitPrice.Currency = c
		}
		return all
	}
}

// fields returns the fields that err complains of, in order.
func fields(err error) []string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []string
		for _, e := range joined.Unwrap() {
			all = append(all, fields(e)...)
		}
		return all
	}
	var invalid *domain.InvalidError
	if !errors.As(err, &invalid) {
		return nil
	}
	return []string{invalid.Field}
}
