package orderhttp_test

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/orderapp"
	"github.com/tenon-go/tenon/domain/order"
	"github.com/tenon-go/tenon/ports/httpport"
	"github.com/tenon-go/tenon/ports/orderhttp"
)

// shop is the order context over HTTP on the memory adapter.
type shop struct {
	t   testing.TB
	url string
	api *httpport.Server
	log *memory.Log
}

// newShop returns a shop whose clock stands still at noon.
func newShop(t testing.TB) *shop {
	t.Helper()
	log := memory.NewLog()
	b := application.NewBuilder(application.Config{Store: log, Retries: 50, Now: func() time.Time {
		return time.Date(2026, 3, 14, 12, 0, 0, 123456789, time.UTC)
	}})
	orders := &orders{Repository: memory.NewRepository[order.Order](log, order.AggregateType, nil)}
	if err := orderapp.Register(b, orderapp.Config{Orders: orders, Views: orders, Accounts: noAccounts{}, Currency: "EUR"}); err != nil {
		t.Fatal(err)
	}
	api, err := httpport.New(httpport.Config{Logger: slog.New(slog.DiscardHandler), BodyLimit: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	orderhttp.Routes(api.API(), b)
	if _, err = b.Build(); err != nil {
		t.Fatal(err)
	}
	hs := httptest.NewServer(api.Handler())
	t.Cleanup(hs.Close)
	return &shop{t: t, url: hs.URL, api: api, log: log}
}

// orders is the repository, and the read model: all that it saved, read at once.
type orders struct {
	*memory.Repository[order.Order, *order.Order]

	mu  sync.Mutex
	ids []string
}

var _ orderapp.Views = (*orders)(nil)

func (o *orders) Save(ctx context.Context, tx eventlog.Tx, changed []*order.Order) error {
	o.mu.Lock()
	for _, a := range changed {
		if !slices.Contains(o.ids, a.ID()) {
			o.ids = append(o.ids, a.ID())
		}
	}
	o.mu.Unlock()
	return o.Repository.Save(ctx, tx, changed)
}

func (o *orders) Find(ctx context.Context, id order.ID) (orderapp.View, error) {
	a, err := o.Load(ctx, nil, string(id))
	if err != nil {
		return orderapp.View{}, err
	}
	return orderapp.View{State: a.State(), Number: 1}, nil
}

func (o *orders) List(ctx context.Context, f orderapp.Filter) ([]orderapp.Summary, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	found := []orderapp.Summary{}
	for _, id := range o.ids {
		v, err := o.Find(ctx, order.ID(id))
		if err != nil {
			continue // its unit failed
		}
		wanted := (f.Customer == "" || f.Customer == v.Customer) && (f.Status == "" || f.Status == v.Status)
		if wanted && (f.After.ID == "" || v.ID < f.After.ID) {
			found = append(found, orderapp.Summary{
				ID: v.ID, Customer: v.Customer, Total: v.Total, ItemCount: len(v.Items), Status: v.Status, Tracking: v.Tracking,
				Version: v.Version, CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
			})
		}
	}
	slices.SortFunc(found, func(a, b orderapp.Summary) int { return cmp.Compare(b.ID, a.ID) })
	return found[:min(len(found), f.Limit)], nil
}

// Revenue has a day for each of the customer's orders, as if each were of a day before.
func (o *orders) Revenue(ctx context.Context, f orderapp.RevenueFilter) ([]orderapp.DayRevenue, error) {
	list, err := o.List(ctx, orderapp.Filter{Customer: f.Customer, Limit: 1000})
	days := []orderapp.DayRevenue{}
	for i, s := range list {
		day := s.CreatedAt.AddDate(0, 0, -i).Format(time.DateOnly)
		if f.After.Day == "" || day < f.After.Day {
			days = append(days, orderapp.DayRevenue{Day: day, Currency: s.Total.Currency, Orders: 1, Total: s.Total.Amount.String()})
		}
	}
	return days[:min(len(days), f.Limit)], err
}

// noAccounts counts nothing.
type noAccounts struct{}

func (noAccounts) Open(context.Context, eventlog.Tx, order.CustomerID, order.ID, int) error {
	return nil
}
func (noAccounts) Close(context.Context, eventlog.Tx, order.ID) error { return nil }

type answer struct {
	status int
	header http.Header
	body   string
}

// send sends a request with headers given as names and values in turn. A body makes it JSON unless a header says otherwise.
func (s *shop) send(method, path, body string, headers ...string) answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(content)}
}

const good = `{"customerId":"customer-7","items":[{"productId":"book","quantity":2,"price":"12.50"}]}`

// place places an order and returns its path.
func (s *shop) place(body string) string {
	s.t.Helper()
	a := s.send(http.MethodPost, "/orders", body)
	if a.status != http.StatusCreated {
		s.t.Fatalf("POST /orders answered %d %s", a.status, a.body)
	}
	return a.header.Get("Location")
}

// step takes steps, which must be taken: "ship" and so on.
func (s *shop) step(path string, names ...string) {
	s.t.Helper()
	for _, name := range names {
		if a := s.send(http.MethodPut, path+"/"+name, bodyOf(name)); a.status != http.StatusNoContent || a.body != "" {
			s.t.Fatalf("PUT %s/%s answered %d %s", path, name, a.status, a.body)
		}
	}
}

// bodyOf returns a good body for a step.
func bodyOf(step string) string {
	switch step {
	case "ship":
		return `{"trackingNumber":"1Z-999"}`
	case "cancel":
		return `{"reason":"ordered twice"}`
	}
	return ""
}

// problem checks that a is problem details of that status and type, and returns its faults.
func (a answer) problem(t testing.TB, status int, name string) []httpport.Fault {
	t.Helper()
	var p httpport.Problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("answer %d isn't JSON: %v: %s", a.status, err, a.body)
	}
	if a.status != status || p.Type != "/problems/"+name || a.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("answered %d %s, want %d /problems/%s: %s", a.status, p.Type, status, name, a.body)
	}
	return p.Errors
}
