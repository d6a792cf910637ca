package orderhttp_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// item returns a good order's body with one item's field replaced; the value is JSON.
func item(field, value string) string {
	fields := []string{`"productId":"book"`, `"quantity":1`, `"price":"1.00"`}
	for i, f := range fields {
		if strings.HasPrefix(f, `"`+field+`"`) {
			fields[i] = ""
		}
	}
	if value != "" {
		fields = append(fields, `"`+field+`":`+value)
	}
	var kept []string
	for _, f := range fields {
		if f != "" {
			kept = append(kept, f)
		}
	}
	return `{"customerId":"c","items":[{` + strings.Join(kept, ",") + `}]}`
}

func items(n int) string {
	one := `{"productId":"p","quantity":1,"price":1}`
	return `{"customerId":"c","items":[` + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + `]}`
}

func long(n int) string { return `"` + strings.Repeat("é", n) + `"` }

func TestBadOrders(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	tests := map[string]struct {
		body     string
		location string // of the only fault; all are 422
		message  string // a part of it
	}{
		"unknown field":             {strings.Replace(good, "{", `{"colour":"red",`, 1), "body.colour", "unexpected"},
		"unknown field in item":     {item("colour", `"red"`), "body.items[0].colour", "unexpected"},
		"field in other case":       {strings.Replace(good, "customerId", "CustomerID", 1) + " ", "", ""},
		"customer missing":          {strings.Replace(good, `"customerId":"customer-7",`, "", 1), "body", "customerId"},
		"customer empty":            {strings.Replace(good, "customer-7", "", 1), "body.customerId", ">= 1"},
		"customer too long":         {strings.Replace(good, `"customer-7"`, long(101), 1), "body.customerId", "100"},
		"customer wrong type":       {strings.Replace(good, `"customer-7"`, "7", 1), "body.customerId", "string"},
		"customer control":          {strings.Replace(good, "customer-7", `a\u0007`, 1), "body.customerId", "control"},
		"customer NUL":              {strings.Replace(good, "customer-7", `a\u0000`, 1), "body.customerId", "NUL"},
		"items missing":             {`{"customerId":"c"}`, "body", "items"},
		"items empty":               {items(0), "body.items", ">= 1"},
		"items null":                {`{"customerId":"c","items":null}`, "body.items", "array"},
		"items wrong type":          {`{"customerId":"c","items":{}}`, "body.items", "array"},
		"too many items":            {items(1001), "body.items", "1000"},
		"item null":                 {`{"customerId":"c","items":[null]}`, "body.items[0]", "object"},
		"product missing":           {item("productId", ""), "body.items[0]", "productId"},
		"product too long":          {item("productId", long(101)), "body.items[0].productId", "100"},
		"quantity missing":          {item("quantity", ""), "body.items[0]", "quantity"},
		"quantity 0":                {item("quantity", "0"), "body.items[0].quantity", ">= 1"},
		"quantity negative":         {item("quantity", "-3"), "body.items[0].quantity", ">= 1"},
		"quantity too large":        {item("quantity", "1000001"), "body.items[0].quantity", "1000000"},
		"quantity huge":             {item("quantity", "1e999"), "body.items[0].quantity", "1000000"},
		"quantity beyond int":       {item("quantity", "99999999999999999999"), "body.items[0].quantity", "1000000"},
		"quantity fraction":         {item("quantity", "1.5"), "body.items[0].quantity", "integer"},
		"quantity finest fraction":  {item("quantity", "1.00000000000000000001"), "body.items[0].quantity", "whole number"},
		"quantity exponent":         {item("quantity", "1e2"), "body.items[0].quantity", "digits"},
		"quantity text":             {item("quantity", `"1"`), "body.items[0].quantity", "integer"},
		"price missing":             {item("price", ""), "body.items[0]", "price"},
		"price null":                {item("price", "null"), "body.items[0].price", "schema"},
		"price wrong type":          {item("price", "true"), "body.items[0].price", "schema"},
		"price three decimals":      {item("price", "1.234"), "body.items[0].price", "two decimals"},
		"price three decimals text": {item("price", `"1.234"`), "body.items[0].price", "two decimals"},
		"price negative":            {item("price", "-0.01"), "body.items[0].price", "negative"},
		"price exponent":            {item("price", "1e2"), "body.items[0].price", "plain decimal"},
		"price no number":           {item("price", `"1,50"`), "body.items[0].price", "plain decimal"},
		"price empty":               {item("price", `""`), "body.items[0].price", "plain decimal"},
		"price too large":           {item("price", "10000000000000000"), "body.items[0].price", "9999999999999999.99"},
		"total too large":           {strings.Replace(item("price", "9999999999999999.99"), `"quantity":1`, `"quantity":2`, 1), "body.items", "9999999999999999.99"},
		"currency unknown":          {strings.Replace(good, "{", `{"currency":"XXX",`, 1), "", ""},
		"currency without decimals": {strings.Replace(good, "{", `{"currency":"JPY",`, 1), "", ""},
		"currency too short":        {strings.Replace(good, "{", `{"currency":"",`, 1), "body.currency", ">= 3"},
		"currency mix": {
			`{"customerId":"c","items":[{"productId":"p","quantity":1,"price":1,"currency":"EUR"},{"productId":"p","quantity":1,"price":1,"currency":"USD"}]}`,
			"body.items[1].currency", "EUR",
		},
		"currency not the order's": {strings.Replace(item("currency", `"USD"`), "{", `{"currency":"EUR",`, 1), "body.items[0].currency", "EUR"},
	}
	t.Run("refused", func(t *testing.T) {
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				found := s.send(http.MethodPost, "/orders", tt.body).problem(t, 422, "validation")
				if tt.location == "" {
					return
				}
				if len(found) != 1 || found[0].Location != tt.location || !strings.Contains(found[0].Message, tt.message) {
					t.Errorf("faults %+v, want one at %s that says %q", found, tt.location, tt.message)
				}
			})
		}
	})
	if p := s.list(""); len(p.Orders) != 0 {
		t.Errorf("%d of the orders were stored", len(p.Orders))
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	found := s.send(http.MethodPost, "/orders", `{"customerId":"c","items":[{"productId":"p","quantity":9999999,"price":"x"},{"productId":"p","quantity":1,"price":-1}]}`).
		problem(t, 422, "validation")
	var at []string
	for _, f := range found {
		at = append(at, f.Location)
	}
	if got := fmt.Sprint(at); got != "[body.items[0].price body.items[0].quantity body.items[1].price]" {
		t.Errorf("faults at %s", got)
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	path := s.place(good)
	const put, get, post = http.MethodPut, http.MethodGet, http.MethodPost
	tests := map[string]struct {
		method, path, body string
		header             []string
		status             int
		name, location     string
	}{
		"not JSON":            {post, "/orders", "{", nil, 400, "malformed", "body"},
		"empty body":          {post, "/orders", "", []string{"Content-Type", "application/json"}, 400, "malformed", "body"},
		"field twice":         {post, "/orders", `{"customerId":"a","customerId":"b"}`, nil, 400, "malformed", "body.customerId"},
		"not an object":       {post, "/orders", `"x"`, nil, 422, "validation", "body"},
		"wrong content type":  {post, "/orders", good, []string{"Content-Type", "text/plain"}, 415, "media-type", "header.Content-Type"},
		"too large":           {post, "/orders", good + strings.Repeat(" ", 100_000), nil, 413, "too-large", ""},
		"get, bad id":         {get, "/orders/7", "", nil, 422, "validation", "path.id"},
		"get, id in braces":   {get, "/orders/%7B0198c5a8-7b1e-7c3a-9d2f-3f6f2a9b1c4d%7D", "", nil, 422, "validation", "path.id"},
		"get, NUL in id":      {get, "/orders/%00", "", nil, 400, "malformed", "path"},
		"confirm, bad id":     {put, "/orders/7/confirm", "", nil, 422, "validation", "path.id"},
		"ship, bad id":        {put, "/orders/0198c5a87b1e7c3a9d2f3f6f2a9b1c4d/ship", bodyOf("ship"), nil, 422, "validation", "path.id"},
		"deliver, bad id":     {put, "/orders/x/deliver", "", nil, 422, "validation", "path.id"},
		"cancel, bad id":      {put, "/orders/x/cancel", bodyOf("cancel"), nil, 422, "validation", "path.id"},
		"get, unknown":        {get, unknown, "", nil, 404, "not-found", ""},
		"confirm, unknown":    {put, unknown + "/confirm", "", nil, 404, "not-found", ""},
		"ship, unknown":       {put, unknown + "/ship", bodyOf("ship"), nil, 404, "not-found", ""},
		"deliver, unknown":    {put, unknown + "/deliver", "", nil, 404, "not-found", ""},
		"cancel, unknown":     {put, unknown + "/cancel", bodyOf("cancel"), nil, 404, "not-found", ""},
		"ship, no body":       {put, path + "/ship", "", nil, 400, "malformed", "body"},
		"ship, no number":     {put, path + "/ship", "{}", nil, 422, "validation", "body"},
		"ship, empty number":  {put, path + "/ship", `{"trackingNumber":""}`, nil, 422, "validation", "body.trackingNumber"},
		"ship, control":       {put, path + "/ship", `{"trackingNumber":"a\nb"}`, nil, 422, "validation", "body.trackingNumber"},
		"ship, long number":   {put, path + "/ship", `{"trackingNumber":` + long(101) + `}`, nil, 422, "validation", "body.trackingNumber"},
		"cancel, no reason":   {put, path + "/cancel", `{}`, nil, 422, "validation", "body"},
		"cancel, long reason": {put, path + "/cancel", `{"reason":` + long(501) + `}`, nil, 422, "validation", "body.reason"},
		"cancel, null":        {put, path + "/cancel", `{"reason":null}`, nil, 422, "validation", "body.reason"},
		"list, status":        {get, "/orders?status=open", "", nil, 422, "validation", "query.status"},
		"list, status case":   {get, "/orders?status=Pending", "", nil, 422, "validation", "query.status"},
		"revenue, customer":   {get, "/customers/a%07/revenue", "", nil, 422, "validation", "path.id"},
		"revenue, limit":      {get, "/customers/a/revenue?limit=101", "", nil, 422, "validation", "query.limit"},
		"revenue, after":      {get, "/customers/a/revenue?after=xyz", "", nil, 422, "validation", "query.after"},
		"revenue, no day":     {get, "/customers/a/revenue?after=MjAyNi0wMi0zMC9FVVI", "", nil, 422, "validation", "query.after"},
		"list, limit 0":       {get, "/orders?limit=0", "", nil, 422, "validation", "query.limit"},
		"list, limit 101":     {get, "/orders?limit=101", "", nil, 422, "validation", "query.limit"},
		"list, limit text":    {get, "/orders?limit=x", "", nil, 422, "validation", "query.limit"},
		"list, limit huge":    {get, "/orders?limit=99999999999999999999", "", nil, 422, "validation", "query.limit"},
		"list, after":         {get, "/orders?after=xyz", "", nil, 422, "validation", "query.after"},
		"list, unknown":       {get, "/orders?custmer=c", "", nil, 422, "validation", "query.custmer"},
		"list, customer":      {get, "/orders?customer=a%07", "", nil, 422, "validation", "query.customer"},
		"list, long customer": {get, "/orders?customer=" + strings.Repeat("x", 101), "", nil, 422, "validation", "query.customer"},
		"wrong method":        {http.MethodDelete, path, "", nil, 405, "method-not-allowed", ""},
		"wrong step":          {put, path + "/return", "", nil, 404, "no-route", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := s.send(tt.method, tt.path, tt.body, tt.header...).problem(t, tt.status, tt.name)
			if tt.location != "" && (len(found) != 1 || found[0].Location != tt.location || found[0].Message == "") {
				t.Errorf("faults %+v, want one at %s", found, tt.location)
			}
		})
	}
}
