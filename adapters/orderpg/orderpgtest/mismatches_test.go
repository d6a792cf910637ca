package orderpgtest_test

import (
	"strings"
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/orderpg"
	"github.com/tenon-go/tenon/adapters/orderpg/orderpgtest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/orderapp"
	"github.com/tenon-go/tenon/domain/order"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// shop returns a database with two customers' orders, one of them shipped, and its read model up to date.
func shop(t *testing.T) *postgres.DB {
	t.Helper()
	db := orderpgtest.Open(t)
	m := orderpgtest.Mediator(t, db, nil)
	for _, customer := range []string{"a", "b", "a"} {
		v, err := application.Send(t.Context(), m, orderapp.Place{
			Customer: order.CustomerID(customer), Items: []orderapp.PlaceItem{{Product: "book", Quantity: 2, Price: "12.50"}},
		})
		check(t, err)
		if customer == "b" {
			_, err = application.Send(t.Context(), m, orderapp.Confirm{ID: v.ID})
			check(t, err)
			_, err = application.Send(t.Context(), m, orderapp.Ship{ID: v.ID, Tracking: "1Z"})
			check(t, err)
		}
	}
	events, err := orderpgtest.Events(t.Context(), db)
	check(t, err)
	for _, p := range orderpg.Projections("domain.order.events") {
		check(t, orderpgtest.Project(t.Context(), db, p, events, 2))
	}
	return db
}

func TestMismatchesFindsNothing(t *testing.T) {
	t.Parallel()
	found, err := orderpgtest.Mismatches(t.Context(), shop(t))
	check(t, err)
	if len(found) > 0 {
		t.Errorf("found:\n%s", strings.Join(found, "\n"))
	}
}

func TestMismatchesFindsEveryPlantedOne(t *testing.T) {
	t.Parallel()
	for statement, want := range map[string]string{
		`UPDATE orders.orders SET version = version + 1 WHERE status = 'shipped'`:                                  "orders, row",
		`UPDATE orders.order_items SET quantity = 3 WHERE order_id IN (SELECT id FROM orders.orders LIMIT 1)`:      "orders, row",
		`UPDATE orders.order_list SET tracking_number = '2B' WHERE status = 'shipped'`:                             "order_list, row",
		`UPDATE orders.order_list SET updated_at = updated_at + interval '1 microsecond' WHERE status = 'shipped'`: "order_list, row",
		`DELETE FROM orders.order_list WHERE status = 'shipped'`:                                                   "order_list has no row",
		`UPDATE orders.order_list SET id = gen_random_uuid() WHERE status = 'shipped'`:                             "of which the log has no events",
		`UPDATE orders.revenue SET total_amount = total_amount + 0.01 WHERE customer_id = 'a'`:                     "revenue, row",
		`DELETE FROM orders.revenue WHERE customer_id = 'a'`:                                                       "revenue has no row",
		`UPDATE orders.customers SET open_orders = open_orders + 1`:                                                "customers, row",
		`UPDATE orders.order_numbers SET number = 7 WHERE number = 2`:                                              "customers, row",
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			db := shop(t)
			_, err := db.Pool().ExecContext(t.Context(), statement)
			check(t, err)
			found, err := orderpgtest.Mismatches(t.Context(), db)
			check(t, err)
			if !strings.Contains(strings.Join(found, "\n"), want) {
				t.Errorf("after %s found %q, want %q", statement, found, want)
			}
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
