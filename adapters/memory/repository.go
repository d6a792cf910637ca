package memory

import (
	"context"
	"fmt"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// Repository keeps the state of one type of aggregate beside the events, as relational rows do: in a [Table] of the log. For
// state that is folded from the events use application.EventSourced over the log. Safe for concurrent use.
type Repository[A any, PA interface {
	*A
	domain.Aggregate
}] struct {
	rows *Table[PA]
	name string
	copy func(A) A
}

var _ application.Repository[*anyAggregate] = (*Repository[anyAggregate, *anyAggregate])(nil)

// anyAggregate stands for the type parameter where the contract is asserted.
type anyAggregate struct{ domain.Root }

func (*anyAggregate) Apply(domain.Event) {}

// NewRepository returns an empty repository. copied returns the aggregate with everything replaced that both would share: slices,
// maps, pointers; nil when the struct has none.
func NewRepository[A any, PA interface {
	*A
	domain.Aggregate
}](log *Log, aggregateType string, copied func(A) A) *Repository[A, PA] {
	if copied == nil {
		copied = func(a A) A { return a }
	}
	return &Repository[A, PA]{rows: NewTable[PA](log), name: aggregateType, copy: copied}
}

// clone returns the aggregate as it is once its events are stored.
func (r *Repository[A, PA]) clone(a PA) PA {
	c := r.copy(*a)
	domain.Committed(PA(&c))
	return &c
}

// Load returns a copy of the stored aggregate.
func (r *Repository[A, PA]) Load(ctx context.Context, tx eventlog.Tx, id string) (PA, error) {
	stored, ok, err := r.rows.Get(ctx, tx, id)
	switch {
	case err != nil:
		return nil, fmt.Errorf("load %s %s: %w", r.name, id, err)
	case !ok:
		return nil, &domain.NotFoundError{Type: r.name, ID: id}
	}
	return r.clone(stored), nil
}

// Save stores copies of the aggregates when tx commits. It waits for open transactions that have written one of them.
func (r *Repository[A, PA]) Save(ctx context.Context, tx eventlog.Tx, changed []PA) error {
	for _, a := range changed {
		if err := r.save(ctx, tx, a); err != nil {
			return fmt.Errorf("save %s %s: %w", r.name, domain.IDOf(a), err)
		}
	}
	return nil
}

func (r *Repository[A, PA]) save(ctx context.Context, tx eventlog.Tx, a PA) error {
	id := domain.IDOf(a)
	if err := r.rows.Lock(ctx, tx, id); err != nil {
		return err
	}
	stored, ok, err := r.rows.Get(ctx, tx, id)
	if err != nil {
		return err
	}
	var actual domain.Version
	if ok {
		actual = domain.Stored(stored)
	}
	if expected := domain.Stored(a); actual != expected {
		return &domain.ConflictError{Type: r.name, ID: id, Expected: expected, Actual: actual}
	}
	return r.rows.Put(ctx, tx, id, r.clone(a))
}
