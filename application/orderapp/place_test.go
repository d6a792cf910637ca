package orderapp_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tenon-go/tenon/application/orderapp"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
)

func TestPlaceReturnsTheOrder(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	before := time.Now().Add(-time.Second)
	got := send(s, two("ann"))
	euros := func(a order.Amount) order.Money { return order.Money{Amount: a, Currency: "EUR"} }
	want := orderapp.View{State: order.State{
		Customer: "ann", Items: []order.Item{
			{Product: "book", Quantity: 2, UnitPrice: euros(1250)}, {Product: "pen", Quantity: 10, UnitPrice: euros(99)},
		},
		Total: euros(3490), Status: order.StatusPending, Version: 1, UpdatedAt: got.CreatedAt,
	}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(order.State{}, "ID", "CreatedAt")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.CreatedAt.Before(before) || got.CreatedAt.After(time.Now().Add(time.Second)) {
		t.Errorf("created at %v, about now is %v", got.CreatedAt, time.Now())
	}
	found := send(s, orderapp.Find{ID: got.ID})
	got.Number = 1
	if diff := cmp.Diff(got, found); diff != "" {
		t.Errorf("what Find shows of it (-placed +found):\n%s", diff)
	}
}

func TestPlaceTwiceMakesTwoOrders(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	if a, b := send(s, two("ann")), send(s, two("ann")); a.ID == b.ID {
		t.Errorf("both have the id %s", a.ID)
	}
}

func TestPlaceChoosesTheCurrency(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	tests := map[string]struct {
		order, first, second order.Currency
		want                 order.Currency
	}{
		"none named":      {"", "", "", "EUR"},
		"by the order":    {"USD", "", "", "USD"},
		"by every item":   {"", "USD", "USD", "USD"},
		"by both alike":   {"USD", "USD", "", "USD"},
		"the default one": {"", "EUR", "", "EUR"},
	}
	for name, tt := range tests {
		c := two("ann")
		c.Currency, c.Items[0].Currency, c.Items[1].Currency = tt.order, tt.first, tt.second
		if got := send(s, c).Total.Currency; got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

func TestPlaceRefuses(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	tests := map[string]struct {
		change func(c *orderapp.Place)
		fields []string
	}{
		"no customer":         {func(c *orderapp.Place) { c.Customer = "" }, []string{"customerId"}},
		"no items":            {func(c *orderapp.Place) { c.Items = nil }, []string{"items"}},
		"too many items":      {func(c *orderapp.Place) { c.Items = slices.Repeat(c.Items, 501) }, []string{"items"}},
		"no price":            {func(c *orderapp.Place) { c.Items[1].Price = "" }, []string{"items[1].price"}},
		"three decimals":      {func(c *orderapp.Place) { c.Items[1].Price = "1.005" }, []string{"items[1].price"}},
		"negative price":      {func(c *orderapp.Place) { c.Items[0].Price = "-1" }, []string{"items[0].price"}},
		"exponent":            {func(c *orderapp.Place) { c.Items[0].Price = "1e2" }, []string{"items[0].price"}},
		"total overflow":      {func(c *orderapp.Place) { c.Items[0].Price = "9999999999999999.99" }, []string{"items"}},
		"quantity 0":          {func(c *orderapp.Place) { c.Items[0].Quantity = 0 }, []string{"items[0].quantity"}},
		"unknown currency":    {func(c *orderapp.Place) { c.Currency = "XYZ" }, []string{"items[0].currency"}},
		"items that differ":   {func(c *orderapp.Place) { c.Items[1].Currency = "USD" }, []string{"items[1].currency"}},
		"item and order":      {func(c *orderapp.Place) { c.Currency, c.Items[1].Currency = "EUR", "USD" }, []string{"items[1].currency"}},
		"all items and order": {func(c *orderapp.Place) { c.Currency, c.Items[0].Currency = "USD", "EUR" }, []string{"items[0].currency"}},
		"everything": {func(c *orderapp.Place) {
			*c = orderapp.Place{Items: []orderapp.PlaceItem{{Price: "x"}}}
		}, []string{"items[0].price", "customerId", "items[0].productId", "items[0].quantity"}},
	}
	for name, tt := range tests {
		c := two("ann")
		tt.change(&c)
		err := fail(s, c)
		if !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: %v, want domain.ErrInvalid", name, err)
		}
		if diff := cmp.Diff(tt.fields, fields(err)); diff != "" {
			t.Errorf("%s: fields (-want +got):\n%s", name, diff)
		}
	}
	if got := send(s, orderapp.List{}).Orders; len(got) > 0 {
		t.Errorf("%d orders were placed", len(got))
	}
}

func TestPlaceSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	c := two("ann")
	c.Currency, c.Items[0].Price, c.Items[1].Currency = "EUR", "1.005", "USD"
	got := fail(open(t, nil), c).Error()
	want := strings.Join([]string{
		`items[0].price must have at most two decimals, not "1.005"`,
		`items[1].currency must be the order's, "EUR", not "USD"`,
	}, "\n")
	if got != want {
		t.Errorf("error is\n%s\nwant\n%s", got, want)
	}
}
