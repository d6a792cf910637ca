package orderpgtest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/domain/order"
)

// Events returns the orders' events in the log, decoded, as a projection is given them. It reads them by a plain
// query and not by the reader that the relay depends on: what that one missed must show.
func Events(ctx context.Context, db *postgres.DB) ([]projection.Event, error) {
	var rows []struct {
		ID        uuid.UUID      `db:"event_id"`
		Aggregate string         `db:"aggregate_id"`
		Version   domain.Version `db:"version"`
		Type      string         `db:"event_type"`
		Payload   []byte         `db:"payload"`
	}
	err := db.Pool().SelectContext(ctx, &rows, `SELECT event_id, aggregate_id, version, event_type, payload FROM tenon.events
		WHERE aggregate_type = $1 ORDER BY position`, order.AggregateType)
	if err != nil {
		return nil, err
	}
	c := codec.JSON{Types: types()}
	events := make([]projection.Event, len(rows))
	for i, r := range rows {
		record := eventlog.Record{
			ID: r.ID, AggregateType: order.AggregateType, AggregateID: r.Aggregate, Version: r.Version, Type: r.Type,
			SchemaVersion: 1, Payload: r.Payload,
		}
		body, err := c.Decode(ctx, codec.Meta{ID: r.ID, Type: r.Type, SchemaVersion: 1}, r.Payload)
		if err != nil {
			return nil, fmt.Errorf("order %s, version %d: %w", r.Aggregate, r.Version, err)
		}
		events[i] = projection.Event{Record: record, Event: body}
	}
	return events, nil
}

// Project applies events to the read model in batches of a size, a transaction for each. Those that it doesn't handle are
// passed by.
func Project(ctx context.Context, db *postgres.DB, p projection.Projection, events []projection.Event, size int) error {
	events = slices.DeleteFunc(slices.Clone(events), func(e projection.Event) bool { return !slices.Contains(p.Types, e.Type) })
	for ; len(events) > 0; events = events[min(size, len(events)):] {
		tx, err := db.Begin(ctx)
		if err != nil {
			return err
		}
		if err := p.Apply(ctx, tx, events[:min(size, len(events))]); err != nil {
			return errors.Join(err, tx.Rollback())
		}
		if err := tx.Commit(ctx); err != nil {
			return err
		}
	}
	return nil
}

// fold returns the state that each order's events add up to.
func fold(events []projection.Event) (map[string]order.State, error) {
	orders := make(map[string]*order.Order)
	for i := range events {
		e := &events[i]
		o := orders[e.AggregateID]
		if o == nil {
			o = new(order.Order)
			domain.Begin(o, e.AggregateID)
			orders[e.AggregateID] = o
		}
		if domain.Replay(o, e.Event); o.Version() != e.Version {
			return nil, fmt.Errorf("order %s has version %d as its event number %d", e.AggregateID, e.Version, o.Version())
		}
	}
	states := make(map[string]order.State, len(orders))
	for id, o := range orders {
		states[id] = o.State()
	}
	return states, nil
}

func types() *codec.Types {
	t := new(codec.Types)
	codec.Register[order.Created](t, order.TypeCreated, 1)
	codec.Register[order.Confirmed](t, order.TypeConfirmed, 1)
	codec.Register[order.Shipped](t, order.TypeShipped, 1)
	codec.Register[order.Delivered](t, order.TypeDelivered, 1)
	codec.Register[order.Cancelled](t, order.TypeCancelled, 1)
	return t
}
