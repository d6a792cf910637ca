package orderpg_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/adapters/orderpg"
	"github.com/tenon-go/tenon/adapters/orderpg/orderpgtest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/orderapp"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
)

func TestFindShowsStateAndNumber(t *testing.T) {
	t.Parallel()
	db := orderpgtest.Open(t)
	_, err := open(t, db, "a", 0)
	check(t, err)
	o, err := open(t, db, "a", 0)
	check(t, err)
	got, err := orderpg.NewViews(db).Find(t.Context(), order.ID(o.ID()))
	check(t, err)
	if diff := cmp.Diff(orderapp.View{State: o.State(), Number: 2}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFindFindsNothing(t *testing.T) {
	t.Parallel()
	if _, err := orderpg.NewViews(orderpgtest.Open(t)).Find(t.Context(), newID()); !errors.Is(err, domain.ErrNotFound) {
		t.Errorf("Find = %v, want not found", err)
	}
}

// listed puts orders into the read model: of customers a and b in turn, three at a time created in the same minute,
// every fourth cancelled. They are returned as a list without filter shows them.
func listed(t testing.TB, db *postgres.DB, n int) []orderapp.Summary {
	t.Helper()
	var all []orderapp.Summary
	var batch []projection.Event
	for i := range n {
		o := place(t, order.CustomerID("ab"[i%2:i%2+1]), at(i/3))
		if i%4 == 0 {
			check(t, o.Cancel("why not", at(30)))
		}
		s := o.State()
		all = append(all, orderapp.Summary{
			ID: s.ID, Customer: s.Customer, Total: s.Total, ItemCount: 2, Status: s.Status, Version: s.Version,
			CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt,
		})
		batch = append(batch, eventsOf(o)...)
	}
	check(t, apply(t, db, batch))
	slices.SortFunc(all, func(a, b orderapp.Summary) int {
		if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(string(b.ID), string(a.ID))
	})
	return all
}

func TestListPagesThroughEveryFilter(t *testing.T) {
	t.Parallel()
	db := orderpgtest.Open(t)
	all := listed(t, db, 50)
	for name, f := range map[string]orderapp.Filter{
		"all": {}, "customer": {Customer: "a"}, "status": {Status: order.StatusPending},
		"both": {Customer: "a", Status: order.StatusCancelled}, "nobody": {Customer: "c"}, "no status": {Status: order.StatusShipped},
	} {
		want := slices.DeleteFunc(slices.Clone(all), func(s orderapp.Summary) bool {
			return f.Customer != "" && s.Customer != f.Customer || f.Status != "" && s.Status != f.Status
		})
		for _, limit := range []int{1, 7, 100} {
			if diff := cmp.Diff(want, pages(t, db, f, limit)); diff != "" {
				t.Errorf("%s by %d (-want +got):\n%s", name, limit, diff)
			}
		}
	}
}

// pages asks for page after page.
func pages(t testing.TB, db *postgres.DB, f orderapp.Filter, limit int) []orderapp.Summary {
	t.Helper()
	all := []orderapp.Summary{}
	for f.Limit = limit; ; {
		page, err := orderpg.NewViews(db).List(t.Context(), f)
		check(t, err)
		if all = append(all, page...); len(page) < limit {
			return all
		}
		last := page[len(page)-1]
		f.After = orderapp.Position{CreatedAt: last.CreatedAt, ID: last.ID}
	}
}

func TestListStaysInPlaceWhileOrdersCome(t *testing.T) {
	t.Parallel()
	db := orderpgtest.Open(t)
	all := listed(t, db, 10)
	newer := place(t, "a", at(59))
	check(t, apply(t, db, eventsOf(newer)))
	got, err := orderpg.NewViews(db).List(t.Context(), orderapp.Filter{
		Limit: 100, After: orderapp.Position{CreatedAt: all[4].CreatedAt, ID: all[4].ID},
	})
	check(t, err)
	if diff := cmp.Diff(all[5:], got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestListWalksAlongAnIndex looks at the plans of all filters: none may sort, or read rows that it then leaves out.
func TestListWalksAlongAnIndex(t *testing.T) {
	t.Parallel()
	db := orderpgtest.Open(t)
	exec(t, db, `INSERT INTO orders.order_list_v1 (id, created_at, updated_at, version, item_count, customer_id, currency, total_amount, status)
		SELECT gen_random_uuid(), $1::timestamptz + n * interval '1 s', now(), 1, 1, 'c' || n % 50, 'EUR', 1,
			CASE WHEN n % 100 = 0 THEN 'pending' ELSE 'delivered' END FROM generate_series(1, 20000) AS n`, at(0))
	exec(t, db, `ANALYZE orders.order_list_v1`)
	after := orderapp.Position{CreatedAt: at(180), ID: newID()} // about the middle
	for name, f := range map[string]orderapp.Filter{
		"all": {}, "customer": {Customer: "c7"}, "status": {Status: "pending"},
		"all, later": {After: after}, "customer, later": {Customer: "c7", After: after}, "status, later": {Status: "pending", After: after},
	} {
		f.Limit = 21
		plan := explain(t, db, f)
		if strings.Contains(plan, "Sort") || strings.Contains(plan, "Filter") || !strings.Contains(plan, "Index Scan") {
			t.Errorf("%s:\n%s", name, plan)
		}
	}
}

func explain(t testing.TB, db *postgres.DB, f orderapp.Filter) string {
	t.Helper()
	query, args := orderpg.ListQuery(f)
	var lines []string
	check(t, db.Pool().SelectContext(t.Context(), &lines, "EXPLAIN "+query, args...))
	return strings.Join(lines, "\n")
}

func exec(t testing.TB, db *postgres.DB, statement string, args ...any) {
	t.Helper()
	_, err := db.Pool().ExecContext(context.WithoutCancel(t.Context()), statement, args...)
	check(t, err)
}
