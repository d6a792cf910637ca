package orderpg_test

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/adapters/orderpg"
	"github.com/tenon-go/tenon/adapters/orderpg/orderpgtest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/orderapp"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
)

// open counts a new order and saves it, and returns the order.
func open(t testing.TB, db *postgres.DB, customer order.CustomerID, limit int) (*order.Order, error) {
	t.Helper()
	o := place(t, customer, at(0))
	return o, within(t, db, func(tx eventlog.Tx) error {
		if err := (orderpg.Accounts{}).Open(t.Context(), tx, customer, order.ID(o.ID()), limit); err != nil {
			return err
		}
		return orderpg.NewRepository(db).Save(t.Context(), tx, []*order.Order{o})
	})
}

func closeOrder(t testing.TB, db *postgres.DB, o *order.Order) error {
	t.Helper()
	return within(t, db, func(tx eventlog.Tx) error {
		return orderpg.Accounts{}.Close(t.Context(), tx, order.ID(o.ID()))
	})
}

func numberOf(t testing.TB, db *postgres.DB, o *order.Order) int64 {
	t.Helper()
	v, err := orderpg.NewViews(db).Find(t.Context(), order.ID(o.ID()))
	check(t, err)
	return v.Number
}

func TestAccountsNumberEachCustomersOrders(t *testing.T) {
	t.Parallel()
	db := orderpgtest.Open(t)
	for i, customer := range []order.CustomerID{"a", "b", "a", "a", "b"} {
		o, err := open(t, db, customer, 0)
		check(t, err)
		if got, want := numberOf(t, db, o), []int64{1, 1, 2, 3, 2}[i]; got != want {
			t.Errorf("order %d, of customer %s, has number %d, want %d", i, customer, got, want)
		}
	}
}

func TestAccountsKeepTheLimit(t *testing.T) {
	t.Parallel()
	db := orderpgtest.Open(t)
	first, err := open(t, db, "a", 2)
	check(t, err)
	_, err = open(t, db, "a", 2)
	check(t, err)

	_, err = open(t, db, "a", 2)
	var limit *orderapp.LimitError
	if !errors.As(err, &limit) || !errors.Is(err, domain.ErrRule) || *limit != (orderapp.LimitError{Customer: "a", Limit: 2}) {
		t.Fatalf("third order: %v, want *orderapp.LimitError", err)
	}
	_, err = open(t, db, "b", 2)
	check(t, err)
	check(t, closeOrder(t, db, first))
	again, err := open(t, db, "a", 2)
	check(t, err)
	if got := numberOf(t, db, again); got != 3 {
		t.Errorf("the order after a refused one has number %d, want 3", got)
	}
}

func TestAccountsForgetWhatIsRolledBack(t *testing.T) {
	t.Parallel()
	db := orderpgtest.Open(t)
	failure := errors.New("the unit fails")
	err := within(t, db, func(tx eventlog.Tx) error {
		check(t, orderpg.Accounts{}.Open(t.Context(), tx, "a", newID(), 0))
		return failure
	})
	if !errors.Is(err, failure) {
		t.Fatal(err)
	}
	o, err := open(t, db, "a", 1)
	check(t, err)
	if got := numberOf(t, db, o); got != 1 {
		t.Errorf("number is %d, want 1", got)
	}
}

func TestAccountsRefuseToCloseAnUnknownOrder(t *testing.T) {
	t.Parallel()
	db := orderpgtest.Open(t)
	if err := closeOrder(t, db, place(t, "a", at(0))); err == nil {
		t.Error("closed an order that was never opened")
	}
}

// TestAccountsQueueInsteadOfConflicting opens orders of one customer from many connections at once.
func TestAccountsQueueInsteadOfConflicting(t *testing.T) {
	t.Parallel()
	db := orderpgtest.Open(t)
	const clients, limit = 40, 30
	var wg sync.WaitGroup
	orders, errs := make([]*order.Order, clients), make([]error, clients)
	for i := range clients {
		orders[i] = place(t, "a", at(0))
	}
	for i := range clients {
		wg.Go(func() {
			errs[i] = func() error {
				tx, err := db.Begin(t.Context())
				if err != nil {
					return err
				}
				defer tx.Rollback()
				if err := (orderpg.Accounts{}).Open(t.Context(), tx, "a", order.ID(orders[i].ID()), limit); err != nil {
					return err
				}
				if err := orderpg.NewRepository(db).Save(t.Context(), tx, orders[i:i+1]); err != nil {
					return err
				}
				return tx.Commit(t.Context())
			}()
		})
	}
	wg.Wait()
	var numbers, want []int64
	for i, err := range errs {
		if err == nil {
			numbers = append(numbers, numberOf(t, db, orders[i]))
		} else if _, refused := errors.AsType[*orderapp.LimitError](err); !refused {
			t.Errorf("client %d: %v", i, err)
		}
	}
	for i := range limit {
		want = append(want, int64(i+1))
	}
	slices.Sort(numbers)
	if diff := cmp.Diff(want, numbers); diff != "" {
		t.Errorf("numbers (-want +got):\n%s", diff)
	}
}
