package orderhttp_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/ports/httpport"
	"github.com/tenon-go/tenon/ports/orderhttp"
)

// fields decodes an object, with the id checked and taken out.
func (a answer) fields(t *testing.T, path string) map[string]any {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	if got["id"] != strings.TrimPrefix(path, "/orders/") {
		t.Errorf("id is %v, path %s", got["id"], path)
	}
	delete(got, "id")
	return got
}

func TestPlacedOrder(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	a := s.send(http.MethodPost, "/orders",
		`{"customerId":"Zoë","currency":"CHF","items":[{"productId":"book","quantity":2,"price":12.5},{"productId":"pen","quantity":3.0,"price":"0.10"}]}`)
	path := a.header.Get("Location")
	if a.status != 201 || !strings.HasPrefix(path, "/orders/") || a.header.Get("ETag") != `"1"` || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("answered %d, Location %q, ETag %q: %s", a.status, path, a.header.Get("ETag"), a.body)
	}
	want := map[string]any{
		"customerId": "Zoë", "totalAmount": "25.30", "currency": "CHF", "status": "pending", "version": 1.0,
		"createdAt": "2026-03-14T12:00:00.123456Z", "updatedAt": "2026-03-14T12:00:00.123456Z",
		"items": []any{
			map[string]any{"productId": "book", "quantity": 2.0, "price": "12.50"},
			map[string]any{"productId": "pen", "quantity": 3.0, "price": "0.10"},
		},
	}
	if diff := cmp.Diff(want, a.fields(t, path)); diff != "" {
		t.Error(diff)
	}
	got := s.send(http.MethodGet, path, "")
	want["number"] = 1.0 // known once it is stored
	if diff := cmp.Diff(want, got.fields(t, path)); diff != "" || got.status != 200 || got.header.Get("ETag") != `"1"` {
		t.Errorf("GET answered %d, ETag %s: %s", got.status, got.header.Get("ETag"), diff)
	}
}

// TestPricesAreExact is for prices that no float has.
func TestPricesAreExact(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, price := range []string{`9999999999999999.99`, `"9999999999999999.99"`} {
		path := s.place(`{"customerId":"c","items":[{"productId":"p","quantity":1,"price":` + price + `}]}`)
		if got := s.send(http.MethodGet, path, "").fields(t, path); got["totalAmount"] != "9999999999999999.99" {
			t.Errorf("price %s became %v", price, got["totalAmount"])
		}
	}
}

func TestLifeOfOrder(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	path := s.place(good)
	for i, name := range []string{"confirm", "ship", "deliver"} {
		s.step(path, name, name) // the second time changes nothing
		if got := s.send(http.MethodGet, path, "").header.Get("ETag"); got != fmt.Sprintf(`"%d"`, i+2) {
			t.Errorf("after %s the ETag is %s", name, got)
		}
	}
	got := s.send(http.MethodGet, path, "").fields(t, path)
	if got["status"] != "delivered" || got["trackingNumber"] != "1Z-999" || got["cancelReason"] != nil {
		t.Errorf("delivered order: %v", got)
	}
	other := s.place(good)
	s.step(other, "cancel")
	if got := s.send(http.MethodGet, other, "").fields(t, other); got["status"] != "cancelled" || got["cancelReason"] != "ordered twice" {
		t.Errorf("cancelled order: %v", got)
	}
	if upper := s.send(http.MethodGet, "/orders/"+strings.ToUpper(strings.TrimPrefix(path, "/orders/")), ""); upper.status != 200 {
		t.Errorf("the id in capitals: %d %s", upper.status, upper.body)
	}
}

func TestStepsThatTheStatusForbids(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	lives := map[string][]string{
		"pending": nil, "confirmed": {"confirm"}, "shipped": {"confirm", "ship"}, "delivered": {"confirm", "ship", "deliver"}, "cancelled": {"cancel"},
	}
	allowed := map[string][]string{
		"pending": {"confirm", "cancel"}, "confirmed": {"confirm", "ship", "cancel"}, "shipped": {"ship", "deliver"}, "delivered": {"deliver"}, "cancelled": {"cancel"},
	}
	for status, steps := range lives {
		for _, name := range []string{"confirm", "ship", "deliver", "cancel"} {
			if slices.Contains(allowed[status], name) {
				continue
			}
			path := s.place(good)
			s.step(path, steps...)
			s.send(http.MethodPut, path+"/"+name, bodyOf(name)).problem(t, 409, "rule")
			if got := s.send(http.MethodGet, path, "").fields(t, path); got["status"] != status {
				t.Errorf("%s on a %s order made it %v", name, status, got["status"])
			}
		}
	}
	path := s.place(good)
	s.step(path, "confirm", "ship")
	s.send(http.MethodPut, path+"/ship", `{"trackingNumber":"another"}`).problem(t, 409, "rule")
}

func TestIfMatchOnSteps(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	tests := map[string]int{ // on an order at version 2
		`"2"`: 204, `*`: 204, `"1", "2"`: 204, `"1"`: 412, `"3"`: 412, `W/"2"`: 412, `"x"`: 412, `"02"`: 412, `2`: 400, `"2`: 400, ` `: 400,
	}
	for header, status := range tests {
		for _, name := range []string{"ship", "cancel"} {
			path := s.place(good)
			s.step(path, "confirm")
			a := s.send(http.MethodPut, path+"/"+name, bodyOf(name), "If-Match", header)
			switch status {
			case 204:
				if a.status != 204 {
					t.Errorf("%s with If-Match %s answered %d %s", name, header, a.status, a.body)
				}
				continue
			case 412:
				a.problem(t, 412, "precondition-failed")
			case 400:
				a.problem(t, 400, "malformed")
			}
			if got := s.send(http.MethodGet, path, "").header.Get("ETag"); got != `"2"` {
				t.Errorf("%s with If-Match %s changed the order: %s", name, header, got)
			}
		}
	}
	path := s.place(good)
	s.send(http.MethodPut, path+"/confirm", "", "If-Match", `"9"`).problem(t, 412, "precondition-failed")
	s.send(http.MethodPut, path+"/deliver", "", "If-Match", `"9"`).problem(t, 412, "precondition-failed")
	s.send(http.MethodPut, unknown+"/confirm", "", "If-Match", `*`).problem(t, 404, "not-found")
}

const unknown = "/orders/0198c5a8-7b1e-7c3a-9d2f-3f6f2a9b1c4d"

func TestIfNoneMatch(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	path := s.place(good)
	for header, status := range map[string]int{`"1"`: 304, `W/"1"`: 304, `*`: 304, `"2", "1"`: 304, `"2"`: 200, `1`: 400} {
		a := s.send(http.MethodGet, path, "", "If-None-Match", header)
		if a.status != status || status == 304 && (a.body != "" || a.header.Get("ETag") != `"1"`) {
			t.Errorf("If-None-Match %s answered %d, ETag %s, %q", header, a.status, a.header.Get("ETag"), a.body)
		}
	}
}

type page struct {
	Orders []map[string]any
	Next   string
}

func (s *shop) list(query string) page {
	s.t.Helper()
	a := s.send(http.MethodGet, "/orders?"+query, "")
	var p page
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.status != 200 || p.Orders == nil {
		s.t.Fatalf("GET /orders?%s answered %d %s (%v)", query, a.status, a.body, err)
	}
	return p
}

func TestList(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	if p := s.list(""); len(p.Orders) != 0 || p.Next != "" {
		t.Errorf("an empty list is %v", p)
	}
	for i := range 7 {
		path := s.place(strings.Replace(good, "customer-7", fmt.Sprintf("c%d", i%2), 1))
		if i == 6 {
			s.step(path, "confirm", "ship")
		}
	}
	seen, query := map[any]bool{}, "limit=3"
	for pages := 1; ; pages++ {
		p := s.list(query)
		for _, o := range p.Orders {
			seen[o["id"]] = true
		}
		if p.Next == "" {
			if pages != 3 || len(seen) != 7 {
				t.Errorf("%d orders on %d pages", len(seen), pages)
			}
			break
		}
		query = "limit=3&after=" + p.Next
	}
	if p := s.list("customer=c1"); len(p.Orders) != 3 || p.Orders[0]["customerId"] != "c1" {
		t.Errorf("by customer: %v", p)
	}
	p := s.list("customer=c0&status=shipped")
	if len(p.Orders) != 1 {
		t.Fatalf("by customer and status: %v", p)
	}
	delete(p.Orders[0], "id")
	want := map[string]any{
		"customerId": "c0", "totalAmount": "25.00", "currency": "EUR", "itemCount": 1.0, "status": "shipped", "trackingNumber": "1Z-999",
		"version": 3.0, "createdAt": "2026-03-14T12:00:00.123456Z", "updatedAt": "2026-03-14T12:00:00.123456Z",
	}
	if diff := cmp.Diff(want, p.Orders[0]); diff != "" {
		t.Error(diff)
	}
}

func TestRoutesNeedHandlers(t *testing.T) {
	t.Parallel()
	api, err := httpport.New(httpport.Config{})
	if err != nil {
		t.Fatal(err)
	}
	b := application.NewBuilder(application.Config{})
	orderhttp.Routes(api.API(), b)
	_, err = b.Build()
	for _, name := range []string{"Place", "Confirm", "Ship", "Deliver", "Cancel", "Find", "List"} {
		if err == nil || !strings.Contains(err.Error(), "orderapp."+name) {
			t.Errorf("Build doesn't say that nothing handles %s: %v", name, err)
		}
	}
}
