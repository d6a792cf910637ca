// Package orderpg keeps the order context in PostgreSQL, in the schema orders: the state of orders ([Repository]),
// what is counted per customer ([Accounts]), the read models ([OrderList], [Revenue]) and the queries ([Views]).
//
// State, counters and events commit in one transaction of adapters/postgres; the read model follows from Kafka. The
// tables are in migrations/order, see [Schema].
package orderpg

import (
	"context"
	"fmt"
	"time"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/migrations"
)

// Schema returns the context's schema, to be migrated after the kernel's.
func Schema() postgres.Schema { return postgres.Schema{Name: "orders", FS: migrations.Order()} }

// failed names the step that failed and makes the error one that callers can tell apart.
func failed(ctx context.Context, step string, err error) error {
	return fmt.Errorf("%s: %w", step, postgres.Wrap(ctx, err))
}

// timestamp returns t as PostgreSQL reads it in an array of timestamptz.
func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// Projections returns the context's read models, from the topic on which all events of orders are published
// ("domain.order.events").
func Projections(topic string) []projection.Projection {
	return []projection.Projection{OrderList(topic), Revenue(topic)}
}
