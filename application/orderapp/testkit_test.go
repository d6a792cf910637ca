package orderapp_test

import (
	"context"
	"errors"
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/orderpg"
	"github.com/tenon-go/tenon/adapters/orderpg/orderpgtest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/orderapp"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// shop is the order context on a database of its own.
type shop struct {
	t  testing.TB
	db *postgres.DB
	m  *application.Mediator
}

func open(t testing.TB, change func(*orderapp.Config)) *shop {
	t.Helper()
	db := orderpgtest.Open(t)
	return &shop{t: t, db: db, m: orderpgtest.Mediator(t, db, change)}
}

// send sends a request that must succeed.
func send[C application.Request[R], R any](s *shop, c C) R {
	s.t.Helper()
	r, err := application.Send(s.t.Context(), s.m, c)
	if err != nil {
		s.t.Fatalf("%T: %v", c, err)
	}
	return r
}

// fail sends a request that must not succeed.
func fail[C application.Request[R], R any](s *shop, c C) error {
	s.t.Helper()
	_, err := application.Send(s.t.Context(), s.m, c)
	if err == nil {
		s.t.Fatalf("%T succeeded, want an error", c)
	}
	return err
}

// two is an order of two items, 34.90 in all.
func two(customer order.CustomerID) orderapp.Place {
	return orderapp.Place{Customer: customer, Items: []orderapp.PlaceItem{
		{Product: "book", Quantity: 2, Price: "12.5"}, {Product: "pen", Quantity: 10, Price: "0.99"},
	}}
}

// project brings the read models up to date.
func (s *shop) project() {
	s.t.Helper()
	events, err := orderpgtest.Events(s.t.Context(), s.db)
	check(s.t, err)
	for _, p := range orderpg.Projections("domain.order.events") {
		check(s.t, orderpgtest.Project(context.WithoutCancel(s.t.Context()), s.db, p, events, 100))
	}
}

func (s *shop) noMismatches(tables ...orderpgtest.Table) {
	s.t.Helper()
	found, err := orderpgtest.Mismatches(s.t.Context(), s.db, tables...)
	check(s.t, err)
	for _, m := range found {
		s.t.Error(m)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fields returns the fields that err complains of, in order.
func fields(err error) []string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []string
		for _, e := range joined.Unwrap() {
			all = append(all, fields(e)...)
		}
		return all
	}
	var invalid *domain.InvalidError
	if !errors.As(err, &invalid) {
		return nil
	}
	return []string{invalid.Field}
}
