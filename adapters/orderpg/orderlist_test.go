package orderpg_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/orderpg"
	"github.com/tenon-go/tenon/adapters/orderpg/orderpgtest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
)

const topic = "domain.order.events"

// eventsOf returns a new order's events as a projection is given them.
func eventsOf(o *order.Order) []projection.Event {
	var all []projection.Event
	for i, e := range domain.Recorded(o) {
		all = append(all, projection.Event{
			Record: eventlog.Record{
				ID: uuid.New(), Type: typeOf(e), AggregateType: "order", AggregateID: o.ID(), Version: domain.Version(i + 1),
			},
			Event: e,
		})
	}
	return all
}

// apply applies a batch in a transaction.
func apply(t testing.TB, db *postgres.DB, batch []projection.Event) error {
	t.Helper()
	return orderpgtest.Project(t.Context(), db, orderpg.OrderList(topic), batch, max(1, len(batch)))
}

// stored saves orders in every status, events and all, and returns their events, those of different orders mixed.
func stored(t testing.TB, db *postgres.DB) []projection.Event {
	t.Helper()
	var orders []*order.Order
	for range 3 {
		for _, status := range order.Statuses() {
			orders = append(orders, in(t, status))
		}
	}
	var streams [][]projection.Event
	for _, o := range orders {
		streams = append(streams, eventsOf(o))
	}
	var mixed []projection.Event
	for len(streams) > 0 {
		i := rand.N(len(streams))
		mixed = append(mixed, streams[i][0])
		if streams[i] = streams[i][1:]; len(streams[i]) == 0 {
			streams = slices.Delete(streams, i, i+1)
		}
	}
	appendToLog(t, db, mixed)
	return mixed
}

func TestOrderListDoesNotDependOnBatches(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 3, 7, 1000} {
		db := orderpgtest.Open(t)
		check(t, orderpgtest.Project(t.Context(), db, orderpg.OrderList(topic), stored(t, db), size))
		noMismatches(t, db, orderpgtest.OrderList())
	}
}

// TestOrderListPassesRepetitionsBy repeats runs of events under new offsets, as a relay does that was interrupted.
func TestOrderListPassesRepetitionsBy(t *testing.T) {
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
		check(t, orderpgtest.Project(t.Context(), db, orderpg.OrderList(topic), delivered, size))
		noMismatches(t, db, orderpgtest.OrderList())
	}
}

// TestOrderListNeverGoesBack ends with old events that come again: the newest ones haven't followed them yet.
func TestOrderListNeverGoesBack(t *testing.T) {
	t.Parallel()
	for _, again := range []domain.Version{1, 2} {
		for _, size := range []int{1, 1000} {
			db := orderpgtest.Open(t)
			delivered := stored(t, db)
			for _, e := range slices.Clone(delivered) {
				if e.Version == again {
					delivered = append(delivered, e)
				}
			}
			check(t, orderpgtest.Project(t.Context(), db, orderpg.OrderList(topic), delivered, size))
			noMismatches(t, db, orderpgtest.OrderList())
		}
	}
}

func TestOrderListReportsAnOrderThatItNeverSawPlaced(t *testing.T) {
	t.Parallel()
	db := orderpgtest.Open(t)
	known, unknown := in(t, order.StatusPending), in(t, order.StatusShipped)
	check(t, apply(t, db, eventsOf(known)))
	check(t, known.Confirm(at(1)))
	err := apply(t, db, append(eventsOf(known)[1:], eventsOf(unknown)[1:]...))
	if err == nil || !strings.Contains(err.Error(), unknown.ID()) {
		t.Fatalf("Apply = %v, want an error that names order %s", err, unknown.ID())
	}
	var status string
	check(t, db.Pool().GetContext(t.Context(), &status, `SELECT status FROM orders.order_list WHERE id = $1`, known.ID()))
	if status != "pending" {
		t.Errorf("the batch took effect in part: the other order is %s", status)
	}
}

func TestOrderListRefusesEventsOfOthers(t *testing.T) {
	t.Parallel()
	db := orderpgtest.Open(t)
	foreign := eventsOf(in(t, order.StatusPending))
	foreign[0].Event = struct{ Invoice string }{"42"}
	if err := apply(t, db, foreign); err == nil || !strings.Contains(err.Error(), "Invoice") {
		t.Errorf("Apply = %v, want an error that names the type", err)
	}
}

func TestOrderListTakesAnEmptyBatch(t *testing.T) {
	t.Parallel()
	db := orderpgtest.Open(t)
	check(t, within(t, db, func(tx eventlog.Tx) error { return orderpg.OrderList(topic).Apply(t.Context(), tx, nil) }))
}
