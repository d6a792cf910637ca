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
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
)

func TestRepositoryReturnsWhatWasSaved(t *testing.T) {
	t.Parallel()
	db := orderpgtest.Open(t)
	var orders []*order.Order
	for _, status := range order.Statuses() {
		orders = append(orders, in(t, status))
	}
	check(t, save(t, db, orders...))
	for _, o := range orders {
		loaded := load(t, db, o.ID())
		if diff := cmp.Diff(o.State(), loaded.State()); diff != "" {
			t.Errorf("%s (-saved +loaded):\n%s", o.Status(), diff)
		}
		if domain.Stored(loaded) != o.Version() || len(domain.Recorded(loaded)) != 0 {
			t.Errorf("%s: loaded at stored version %d with %d recorded events", o.Status(), domain.Stored(loaded), len(domain.Recorded(loaded)))
		}
	}
}

func TestRepositoryKeepsExtremes(t *testing.T) {
	t.Parallel()
	db := orderpgtest.Open(t)
	items := slices.Repeat([]order.Item{{Product: order.ProductID(strings.Repeat("漢", 100)), Quantity: 1, UnitPrice: euros(0)}}, order.MaxItems)
	items[0].UnitPrice.Amount = order.MaxAmount
	items[1].Quantity = order.MaxQuantity
	items[999].Product = `quote " ' back\slash {brace}, NULL`
	o, err := order.Place(newID(), order.CustomerID(strings.Repeat("漢", 100)), items, at(0))
	check(t, err)
	check(t, o.Confirm(at(0)))
	check(t, o.Ship(order.Tracking(strings.Repeat("é", 100)), at(0)))
	check(t, save(t, db, o))
	if diff := cmp.Diff(o.State(), load(t, db, o.ID()).State()); diff != "" {
		t.Errorf("(-saved +loaded):\n%s", diff)
	}
}

func TestRepositorySavesChangesOfLoadedOrders(t *testing.T) {
	t.Parallel()
	db := orderpgtest.Open(t)
	first, second, third := place(t, "a", at(0)), place(t, "b", at(0)), place(t, "c", at(0))
	check(t, save(t, db, first, second, third))
	changed, cancelled, added := load(t, db, first.ID()), load(t, db, second.ID()), place(t, "d", at(5))
	check(t, changed.Confirm(at(6)))
	check(t, changed.Ship("1Z", at(7)))
	check(t, cancelled.Cancel("no", at(8)))
	check(t, save(t, db, changed, cancelled, added))
	for _, want := range []*order.Order{changed, cancelled, third, added} {
		if diff := cmp.Diff(want.State(), load(t, db, want.ID()).State()); diff != "" {
			t.Errorf("(-saved +loaded):\n%s", diff)
		}
	}
}

func TestRepositoryRefusesAStaleOrder(t *testing.T) {
	t.Parallel()
	db := orderpgtest.Open(t)
	o, other := place(t, "a", at(0)), place(t, "b", at(0))
	check(t, save(t, db, o, other))
	stale, fine, winner := load(t, db, o.ID()), load(t, db, other.ID()), load(t, db, o.ID())
	check(t, winner.Confirm(at(1)))
	check(t, save(t, db, winner))

	check(t, stale.Cancel("too slow", at(2)))
	check(t, fine.Confirm(at(2)))
	var conflict *domain.ConflictError
	if err := save(t, db, fine, stale); !errors.As(err, &conflict) {
		t.Fatalf("Save = %v, want a conflict", err)
	}
	if want := (domain.ConflictError{Type: "order", ID: o.ID(), Expected: 1, Actual: 2}); *conflict != want {
		t.Errorf("conflict is %+v, want %+v", *conflict, want)
	}
	if got := load(t, db, other.ID()).Status(); got != order.StatusPending {
		t.Errorf("the other order of the failed unit is %s", got)
	}
}

func TestRepositoryRefusesATakenID(t *testing.T) {
	t.Parallel()
	db := orderpgtest.Open(t)
	o := place(t, "a", at(0))
	twin, err := order.Place(order.ID(o.ID()), "b", []order.Item{{Product: "cup", Quantity: 1, UnitPrice: euros(1)}}, at(1))
	check(t, err)
	check(t, save(t, db, o))
	if err := save(t, db, place(t, "c", at(1)), twin); !errors.Is(err, domain.ErrConflict) {
		t.Errorf("Save = %v, want a conflict", err)
	}
	if diff := cmp.Diff(o.State(), load(t, db, o.ID()).State()); diff != "" {
		t.Errorf("the first order changed (-saved +loaded):\n%s", diff)
	}
}

func TestRepositoryRefusesAnOrderThatIsGone(t *testing.T) {
	t.Parallel()
	db := orderpgtest.Open(t)
	ghost := order.Rehydrate(place(t, "a", at(0)).State())
	check(t, ghost.Confirm(at(1)))
	var conflict *domain.ConflictError
	if err := save(t, db, ghost); !errors.As(err, &conflict) || conflict.Actual != -1 {
		t.Errorf("Save = %v, want a conflict with a version that isn't known", err)
	}
}

func TestRepositoryFindsNothing(t *testing.T) {
	t.Parallel()
	db := orderpgtest.Open(t)
	o := place(t, "a", at(0))
	check(t, save(t, db, o))
	for _, id := range []string{string(newID()), "", "1", "'; --", strings.ToUpper(o.ID()), "{" + o.ID() + "}", "a\x00b", "\xff"} {
		_, err := orderpg.NewRepository(db).Load(t.Context(), nil, id)
		var missing *domain.NotFoundError
		if !errors.As(err, &missing) || missing.ID != id || missing.Type != "order" {
			t.Errorf("Load(%q) = %v, want *domain.NotFoundError", id, err)
		}
	}
}

func TestRepositoryReadsThroughTheTransaction(t *testing.T) {
	t.Parallel()
	db := orderpgtest.Open(t)
	repository, o := orderpg.NewRepository(db), place(t, "a", at(0))
	check(t, within(t, db, func(tx eventlog.Tx) error {
		if err := repository.Save(t.Context(), tx, []*order.Order{o}); err != nil {
			return err
		}
		if _, err := repository.Load(t.Context(), nil, o.ID()); !errors.Is(err, domain.ErrNotFound) {
			t.Errorf("outside: %v, want not found", err)
		}
		_, err := repository.Load(t.Context(), tx, o.ID())
		return err
	}))
}

func TestRepositoryEndsWithItsContext(t *testing.T) {
	t.Parallel()
	db := orderpgtest.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := orderpg.NewRepository(db).Load(ctx, nil, string(newID())); !errors.Is(err, context.Canceled) {
		t.Errorf("Load = %v, want context.Canceled", err)
	}
}

func TestRepositoryCallsAClosedServerUnavailable(t *testing.T) {
	t.Parallel()
	db := orderpgtest.Open(t)
	o := place(t, "a", at(0))
	err := within(t, db, func(tx eventlog.Tx) error {
		// The server ends the connection under the transaction.
		var pid int
		check(t, db.Querier(tx).GetContext(t.Context(), &pid, `SELECT pg_backend_pid()`))
		_, err := db.Pool().ExecContext(t.Context(), `SELECT pg_terminate_backend($1, 10000)`, pid)
		check(t, err)
		return orderpg.NewRepository(db).Save(t.Context(), tx, []*order.Order{o})
	})
	if !errors.Is(err, eventlog.ErrUnavailable) {
		t.Errorf("Save = %v, want eventlog.ErrUnavailable", err)
	}
}
