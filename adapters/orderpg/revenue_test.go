package orderpg_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/adapters/orderpg"
	"github.com/tenon-go/tenon/adapters/orderpg/orderpgtest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/orderapp"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/domain/order"
)

func TestRevenueDoesNotDependOnBatchesAndRepetitions(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 5, 1000} {
		db := orderpgtest.Open(t)
		var delivered []projection.Event
		for i, e := range stored(t, db) {
			delivered = append(delivered, e)
			if i%4 == 3 {
				delivered = append(delivered, delivered[rand.N(len(delivered)):]...)
			}
		}
		check(t, orderpgtest.Project(t.Context(), db, orderpg.Revenue(topic), delivered, size))
		noMismatches(t, db, orderpgtest.Revenue())
	}
}

// TestRevenueOfOneCustomerFromManyPartitions applies batches at the same time that add to the same rows.
func TestRevenueOfOneCustomerFromManyPartitions(t *testing.T) {
	t.Parallel()
	db := orderpgtest.Open(t)
	const partitions = 4
	streams := make([][]projection.Event, partitions)
	for n := range 200 {
		o := place(t, order.CustomerID(fmt.Sprintf("customer-%d", n%5)), at(0).AddDate(0, 0, n%7))
		if n%3 == 0 {
			check(t, o.Cancel("changed their mind", at(1)))
		}
		streams[n%partitions] = append(streams[n%partitions], eventsOf(o)...)
	}
	ended := make(chan error, partitions)
	for _, stream := range streams {
		appendToLog(t, db, stream)
		go func() { ended <- orderpgtest.Project(t.Context(), db, orderpg.Revenue(topic), stream, 7) }()
	}
	for range streams {
		check(t, <-ended)
	}
	noMismatches(t, db, orderpgtest.Revenue())
}

func TestRevenueSumsMoreThanAnAmountHolds(t *testing.T) {
	t.Parallel()
	db := orderpgtest.Open(t)
	var delivered []projection.Event
	for range 12 {
		o, err := order.Place(newID(), "rich", []order.Item{
			{Product: "yacht", Quantity: 1, UnitPrice: order.Money{Amount: order.MaxAmount, Currency: "EUR"}},
		}, at(0))
		check(t, err)
		delivered = append(delivered, eventsOf(o)...)
	}
	appendToLog(t, db, delivered)
	check(t, orderpgtest.Project(t.Context(), db, orderpg.Revenue(topic), delivered, 100))
	noMismatches(t, db, orderpgtest.Revenue())
	want := []orderapp.DayRevenue{{Day: "2026-03-14", Currency: "EUR", Orders: 12, Total: "119999999999999999.88"}}
	if diff := cmp.Diff(want, revenueOf(t, db, orderapp.RevenueFilter{Customer: "rich", Limit: 5})); diff != "" {
		t.Errorf("revenue (-want +got):\n%s", diff)
	}
}

func TestRevenueReportsACancelledOrderThatItNeverSawPlaced(t *testing.T) {
	t.Parallel()
	db := orderpgtest.Open(t)
	lost := eventsOf(in(t, order.StatusCancelled))[1:]
	err := orderpgtest.Project(t.Context(), db, orderpg.Revenue(topic), lost, 1)
	if err == nil || !strings.Contains(err.Error(), lost[0].AggregateID) {
		t.Errorf("Apply = %v, want an error that names the order", err)
	}
}

func TestRevenueIsPagedByDayAndCurrency(t *testing.T) {
	t.Parallel()
	db := orderpgtest.Open(t)
	var delivered []projection.Event
	for day := range 3 {
		for _, currency := range []order.Currency{"EUR", "USD"} {
			for _, customer := range []order.CustomerID{"ada", "bob"} {
				o, err := order.Place(newID(), customer, []order.Item{
					{Product: "pen", Quantity: 1, UnitPrice: order.Money{Amount: 150, Currency: currency}},
				}, at(0).AddDate(0, 0, day))
				check(t, err)
				if day == 1 && currency == "USD" {
					check(t, o.Cancel("no money", at(0).AddDate(0, 0, 2)))
				}
				delivered = append(delivered, eventsOf(o)...)
			}
		}
	}
	check(t, orderpgtest.Project(t.Context(), db, orderpg.Revenue(topic), delivered, 100))
	var got []string
	f := orderapp.RevenueFilter{Customer: "ada", Limit: 2}
	for page := range 4 {
		days := revenueOf(t, db, f)
		for _, d := range days {
			got = append(got, fmt.Sprintf("%d: %s %s %d %s", page, d.Day, d.Currency, d.Orders, d.Total))
			f.After = orderapp.DayPosition{Day: d.Day, Currency: d.Currency}
		}
	}
	want := []string{
		"0: 2026-03-16 USD 1 1.50", "0: 2026-03-16 EUR 1 1.50", "1: 2026-03-15 EUR 1 1.50", "1: 2026-03-14 USD 1 1.50", "2: 2026-03-14 EUR 1 1.50",
	}
	if !slices.Equal(want, got) {
		t.Errorf("pages:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func revenueOf(t testing.TB, db *postgres.DB, f orderapp.RevenueFilter) []orderapp.DayRevenue {
	t.Helper()
	days, err := orderpg.NewViews(db).Revenue(t.Context(), f)
	check(t, err)
	return days
}
