package orderpgtest

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/orderapp"
	"github.com/tenon-go/tenon/domain/order"
)

// Mismatches compares, row by row, orders.orders with its items, orders.order_list, orders.revenue and the customers' counters with
// what the events in tenon.events add up to. It returns a line or more for each row that differs, is missing or is
// too many: nothing when all is well. Call it when commands have ended and the projections have caught up, or give
// which tables to look at.
func Mismatches(ctx context.Context, db *postgres.DB, tables ...Table) ([]string, error) {
	if len(tables) == 0 {
		tables = []Table{Orders(), OrderList(), Revenue(), Customers()}
	}
	events, err := Events(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	folded, err := fold(events)
	if err != nil {
		return nil, fmt.Errorf("fold the log: %w", err)
	}
	var found []string
	for _, table := range tables {
		stored, want, err := table.read(ctx, db, folded)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", table.name, err)
		}
		found = append(found, differences(table.name, want, stored)...)
	}
	return found, nil
}

// Table is something that follows from the log.
type Table struct {
	name string
	read func(context.Context, *postgres.DB, map[string]order.State) (stored, want map[string]any, err error)
}

// differences compares two tables by key.
func differences(name string, want, stored map[string]any) []string {
	var found []string
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if row, ok := stored[key]; !ok {
			found = append(found, fmt.Sprintf("%s has no row %s", name, key))
		} else if diff := cmp.Diff(want[key], row); diff != "" {
			found = append(found, fmt.Sprintf("%s, row %s (-log +row):\n%s", name, key, diff))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(stored)) {
		if _, ok := want[key]; !ok {
			found = append(found, fmt.Sprintf("%s has row %s, of which the log has no events", name, key))
		}
	}
	return found
}

// summary is the row of order_list that belongs to a state.
func summary(s order.State) orderapp.Summary {
	return orderapp.Summary{
		ID: s.ID, Customer: s.Customer, Total: s.Total, ItemCount: len(s.Items), Status: s.Status, Tracking: s.Tracking,
		Version: s.Version, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt,
	}
}

// counters is what is kept of a customer.
type counters struct {
	Last, Open int
	Numbers    []int // of the customer's orders, sorted
}

// counted returns the counters that the orders of a log add up to: numbers from 1 without gaps.
func counted(folded map[string]order.State) map[string]any {
	byCustomer := make(map[string]counters)
	for _, s := range folded {
		c := byCustomer[string(s.Customer)]
		c.Last++
		c.Numbers = append(c.Numbers, c.Last)
		if s.Open() {
			c.Open++
		}
		byCustomer[string(s.Customer)] = c
	}
	return rows(byCustomer)
}

func rows[V any](typed map[string]V) map[string]any {
	all := make(map[string]any, len(typed))
	for key, row := range typed {
		all[key] = row
	}
	return all
}
