package orderpg_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/orderpg"
	"github.com/tenon-go/tenon/adapters/orderpg/orderpgtest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// at returns the n-th minute of the test's day.
func at(n int) time.Time { return time.Date(2026, 3, 14, 15, n, 0, 123456000, time.UTC) }

func euros(hundredths order.Amount) order.Money {
	return order.Money{Amount: hundredths, Currency: "EUR"}
}

func newID() order.ID { return order.ID(uuid.NewString()) }

// place returns a new order of two items.
func place(t testing.TB, customer order.CustomerID, now time.Time) *order.Order {
	t.Helper()
	o, err := order.Place(newID(), customer, []order.Item{
		{Product: "book", Quantity: 2, UnitPrice: euros(1250)}, {Product: "pen", Quantity: 10, UnitPrice: euros(99)},
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// in returns a new order that has come to a status.
func in(t testing.TB, status order.Status) *order.Order {
	t.Helper()
	o := place(t, "customer-7", at(0))
	steps := map[order.Status][]func() error{
		order.StatusConfirmed: {func() error { return o.Confirm(at(1)) }},
		order.StatusShipped:   {func() error { return o.Confirm(at(1)) }, func() error { return o.Ship("1Z", at(2)) }},
		order.StatusDelivered: {
			func() error { return o.Confirm(at(1)) }, func() error { return o.Ship("1Z", at(2)) }, func() error { return o.Deliver(at(3)) },
		},
		order.StatusCancelled: {func() error { return o.Cancel("too late\nby far", at(1)) }},
	}
	for _, step := range steps[status] {
		check(t, step())
	}
	return o
}

// within runs f in a transaction and commits it, unless f returns an error, which it returns.
func within(t testing.TB, db *postgres.DB, f func(tx eventlog.Tx) error) error {
	t.Helper()
	tx, err := db.Begin(t.Context())
	check(t, err)
	defer func() { check(t, tx.Rollback()) }()
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit(t.Context())
}

// save saves orders in a transaction, without their events.
func save(t testing.TB, db *postgres.DB, orders ...*order.Order) error {
	t.Helper()
	err := within(t, db, func(tx eventlog.Tx) error { return orderpg.NewRepository(db).Save(t.Context(), tx, orders) })
	if err == nil {
		for _, o := range orders {
			domain.Committed(o)
		}
	}
	return err
}

func load(t testing.TB, db *postgres.DB, id string) *order.Order {
	t.Helper()
	o, err := orderpg.NewRepository(db).Load(t.Context(), nil, id)
	check(t, err)
	return o
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func noMismatches(t testing.TB, db *postgres.DB, tables ...orderpgtest.Table) {
	t.Helper()
	found, err := orderpgtest.Mismatches(t.Context(), db, tables...)
	check(t, err)
	for _, m := range found {
		t.Error(m)
	}
}

// appendToLog appends events to the log, without any state.
func appendToLog(t testing.TB, db *postgres.DB, events []projection.Event) {
	t.Helper()
	records := make([]eventlog.Record, len(events))
	for i, e := range events {
		payload, err := json.Marshal(e.Event)
		check(t, err)
		records[i] = e.Record
		records[i].Topic, records[i].Type, records[i].SchemaVersion = topic, typeOf(e.Event), 1
		records[i].Payload, records[i].RecordedAt = payload, at(0)
	}
	check(t, within(t, db, func(tx eventlog.Tx) error { return tx.Append(t.Context(), records) }))
}

func typeOf(e domain.Event) string {
	switch e.(type) {
	case order.Created:
		return order.TypeCreated
	case order.Confirmed:
		return order.TypeConfirmed
	case order.Shipped:
		return order.TypeShipped
	case order.Delivered:
		return order.TypeDelivered
	case order.Cancelled:
		return order.TypeCancelled
	}
	return ""
}
