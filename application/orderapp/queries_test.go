package orderapp_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/orderapp"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
)

func TestListPagesNewestFirst(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	var want []order.ID
	for range 7 {
		want = append([]order.ID{send(s, two("ann")).ID}, want...)
	}
	send(s, two("ben"))
	s.project()
	var got []order.ID
	sizes := []int{}
	for q := (orderapp.List{Customer: "ann", Limit: 3}); ; {
		page := send(s, q)
		for _, o := range page.Orders {
			got = append(got, o.ID)
		}
		sizes = append(sizes, len(page.Orders))
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("orders (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{3, 3, 1}, sizes); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
}

func TestListEndsWithAFullPage(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	send(s, two("ann"))
	send(s, two("ann"))
	s.project()
	if page := send(s, orderapp.List{Limit: 2}); len(page.Orders) != 2 || page.Next != "" {
		t.Errorf("%d orders, next page %q; want 2 and none", len(page.Orders), page.Next)
	}
}

func TestListTakesTwentyByDefault(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	for range 21 {
		send(s, two("ann"))
	}
	s.project()
	if page := send(s, orderapp.List{}); len(page.Orders) != 20 || page.Next == "" {
		t.Errorf("%d orders, next page %q; want 20 and one more page", len(page.Orders), page.Next)
	}
}

func TestListFiltersByStatus(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	id := send(s, two("ann")).ID
	send(s, two("ann"))
	send(s, orderapp.Confirm{ID: id})
	s.project()
	page := send(s, orderapp.List{Status: order.StatusConfirmed, Customer: "ann"})
	if len(page.Orders) != 1 || page.Orders[0].ID != id || page.Orders[0].ItemCount != 2 || page.Orders[0].Total.String() != "34.90 EUR" {
		t.Errorf("got %+v, want order %s alone", page.Orders, id)
	}
}

func TestListRefuses(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	cursor := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	for name, tt := range map[string]struct {
		query orderapp.List
		field string
	}{
		"limit below 1":    {orderapp.List{Limit: -1}, "limit"},
		"limit over 100":   {orderapp.List{Limit: 101}, "limit"},
		"unknown status":   {orderapp.List{Status: "lost"}, "status"},
		"long customer":    {orderapp.List{Customer: order.CustomerID(strings.Repeat("x", 101))}, "customerId"},
		"customer of NUL":  {orderapp.List{Customer: "\x00"}, "customerId"},
		"cursor of noise":  {orderapp.List{After: "%%%"}, "after"},
		"cursor of text":   {orderapp.List{After: cursor("hello")}, "after"},
		"cursor of no id":  {orderapp.List{After: cursor("12/")}, "after"},
		"cursor of a year": {orderapp.List{After: cursor("9223372036854775807/" + string(nobody))}, "after"},
		"cursor of no end": {orderapp.List{After: cursor("-9223372036854775808/" + string(nobody))}, "after"},
	} {
		err := fail(s, tt.query)
		if got := strings.Join(fields(err), " "); got != tt.field || !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: %v, want a complaint of %s", name, err, tt.field)
		}
	}
}

// FuzzListAfter hands anything to the list as a cursor: it is refused, or names a place.
func FuzzListAfter(f *testing.F) {
	s := open(f, nil)
	f.Add("")
	f.Add(orderapp.Position{ID: nobody}.String())
	f.Fuzz(func(t *testing.T, after string) {
		_, err := application.Send(t.Context(), s.m, orderapp.List{After: after})
		if err != nil && !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%q: %v", after, err)
		}
	})
}
