package orderhttp_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/tenon-go/tenon/application/eventlog"
)

// TestManyShipTheSame is the promise that nobody who is late or beaten is told of an inner error.
func TestManyShipTheSame(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	paths := make([]string, 20)
	for i := range paths {
		paths[i] = s.place(good)
		s.step(paths[i], "confirm")
	}
	var mu sync.Mutex
	shipped, answers := map[string]int{}, map[int]int{}
	var clients sync.WaitGroup
	for n := range 200 {
		clients.Go(func() {
			path, headers := paths[n%len(paths)], []string(nil)
			if n%3 == 0 {
				headers = []string{"If-Match", `"2"`}
			}
			a := s.send(http.MethodPut, path+"/ship", fmt.Sprintf(`{"trackingNumber":"T-%d"}`, n), headers...)
			mu.Lock()
			defer mu.Unlock()
			answers[a.status]++
			if a.status == 204 {
				shipped[path]++
			}
		})
	}
	clients.Wait()
	if answers[204]+answers[409]+answers[412] != 200 || answers[412] == 0 {
		t.Errorf("answers by status: %v", answers)
	}
	for _, path := range paths {
		if got := s.send(http.MethodGet, path, "").header.Get("ETag"); shipped[path] != 1 || got != `"3"` {
			t.Errorf("%s was shipped %d times, ETag %s", path, shipped[path], got)
		}
	}
	page, err := s.log.Read(t.Context(), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	if n := countShipped(page.Records); n != len(paths) {
		t.Errorf("the log has %d shipments of %d orders", n, len(paths))
	}
}

func countShipped(records []eventlog.Record) int {
	n := 0
	for _, r := range records {
		if r.Type == "order.shipped" {
			n++
		}
	}
	return n
}

func TestCorrelationReachesTheLog(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	s.send(http.MethodPost, "/orders", good, "X-Correlation-ID", "flow-7", "traceparent", trace)
	page, err := s.log.Read(t.Context(), "", 10)
	if err != nil || len(page.Records) != 1 {
		t.Fatalf("log holds %d records (%v)", len(page.Records), err)
	}
	if r := page.Records[0]; r.CorrelationID != "flow-7" || r.Traceparent != trace || r.Type != "order.created" {
		t.Errorf("the event has correlation %q, traceparent %q, type %q", r.CorrelationID, r.Traceparent, r.Type)
	}
}

func TestOutageIsTold(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	path := s.place(good)
	mend := s.log.Break()
	for _, a := range []answer{
		s.send(http.MethodPost, "/orders", good), s.send(http.MethodGet, path, ""), s.send(http.MethodPut, path+"/confirm", ""),
	} {
		a.problem(t, 503, "unavailable")
		if a.header.Get("Retry-After") == "" {
			t.Errorf("no Retry-After: %v", a.header)
		}
	}
	mend()
	s.step(path, "confirm")
}

// FuzzPlaceOrder sends whatever comes: the answer is an order or tells what is wrong with the request.
func FuzzPlaceOrder(f *testing.F) {
	for _, seed := range []string{
		good, item("price", "1e2"), item("price", `"9999999999999999.99"`), item("quantity", "1.0"), items(0), items(3), `{}`, `[]`, `null`, ``,
		`{"customerId":"\u0000","items":[{}]}`, `{"customerId":"c","items":[{"productId":"p","quantity":1,"price":{"a":[]}}]}`, "\xff", `{"a":1,"a":2}`,
		strings.Repeat("[", 100), `{"customerId":"\ud800","currency":"EUR","items":[{"productId":"p","quantity":1e5,"price":00.1}]}`,
	} {
		f.Add([]byte(seed))
	}
	s := newShop(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		mine := &shop{t: t, url: s.url}
		a := mine.send(http.MethodPost, "/orders", string(body), "Content-Type", "application/json")
		if !json.Valid([]byte(a.body)) {
			t.Errorf("answer %d isn't JSON: %q", a.status, a.body)
		}
		switch a.status {
		case 201, 400, 413, 422:
		default:
			t.Errorf("%q was answered with %d %s", body, a.status, a.body)
		}
	})
}
