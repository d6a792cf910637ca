package applicationtest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/domain"
)

// appliedOnce asks in turn for batches with repeats, within a batch and across, rolled back and committed, by several projections.
func appliedOnce(ctx context.Context, f CheckpointsFixture) error {
	happened := func(aggregate string, version domain.Version) projection.Event {
		return projection.Event{Record: eventlog.Record{ID: uuid.New(), AggregateType: "thing", AggregateID: aggregate, Version: version}}
	}
	a1, a2, a4, b1 := happened("a", 1), happened("a", 2), happened("a", 4), happened("b", 1)
	m, n := happened("a", 0), happened("a", 0)
	elsewhere := a2
	elsewhere.AggregateType = "other"
	for i, step := range []struct {
		name        string
		version     int
		batch, want []projection.Event
		commit      bool
	}{
		{"list", 1, []projection.Event{a1, m, a2, a1, m}, []projection.Event{a1, m, a2}, false},
		{"list", 1, []projection.Event{a1, m, a2, a1, m}, []projection.Event{a1, m, a2}, true},
		{"list", 1, []projection.Event{a1, b1, a2, n, m, a4}, []projection.Event{b1, n, a4}, true},
		{"list", 1, []projection.Event{a1, a2, m, n}, nil, true},
		{"list", 1, []projection.Event{a4, b1, elsewhere}, []projection.Event{elsewhere}, true},
		{"list", 2, []projection.Event{a1, m}, []projection.Event{a1, m}, true},
		{"other", 1, []projection.Event{a1, m}, []projection.Event{a1, m}, true},
	} {
		tx, err := f.Store.Begin(ctx)
		if err != nil {
			return err
		}
		got, err := f.Checkpoints.Fresh(ctx, tx, step.name, step.version, step.batch)
		if err != nil {
			return errors.Join(err, tx.Rollback())
		}
		end := tx.Rollback
		if step.commit {
			end = func() error { return tx.Commit(ctx) }
		}
		if err := end(); err != nil {
			return err
		}
		same := func(a, b projection.Event) bool { return a.ID == b.ID && a.AggregateType == b.AggregateType }
		if !slices.EqualFunc(got, step.want, same) {
			return fmt.Errorf("step %d: %d of %d events are fresh, want %d, in order", i, len(got), len(step.batch), len(step.want))
		}
	}
	return nil
}
