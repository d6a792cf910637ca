package orderpg

import (
	"context"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain/order"
)

// Repository loads and saves orders as relational rows, beside their events. Safe for concurrent use.
type Repository struct{ db *postgres.DB }

var _ application.Repository[*order.Order] = Repository{}

// NewRepository returns the repository of the orders in db.
func NewRepository(db *postgres.DB) Repository { return Repository{db: db} }

// Load returns the order with its items, read by one statement; *domain.NotFoundError when there is none, also for an
// id that no order can have.
func (o Repository) Load(ctx context.Context, tx eventlog.Tx, id string) (*order.Order, error) {
	r, err := read(ctx, o.db.Querier(tx), stateSQL, id)
	if err != nil {
		return nil, err
	}
	s, err := r.state()
	if err != nil {
		return nil, err
	}
	return order.Rehydrate(s), nil
}
