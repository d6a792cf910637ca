package applicationtest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
)

// brokenCheckpoints are correct checkpoints of which Advance is replaced, or what both functions are asked for.
type brokenCheckpoints struct {
	*memory.Checkpoints
	log     *memory.Log
	asked   func(name *string, version *int, p *projection.Partition)
	advance func(ctx context.Context, c brokenCheckpoints, tx eventlog.Tx, a advance) error
	fresh   func(ctx context.Context, c brokenCheckpoints, tx eventlog.Tx, batch []projection.Event) ([]projection.Event, error)
}

type advance struct {
	name     string
	version  int
	p        projection.Partition
	from, to int64
}

func (c brokenCheckpoints) Next(ctx context.Context, name string, version int, p projection.Partition) (int64, error) {
	if c.asked != nil {
		c.asked(&name, &version, &p)
	}
	return c.Checkpoints.Next(ctx, name, version, p)
}

func (c brokenCheckpoints) Advance(
	ctx context.Context, tx eventlog.Tx, name string, version int, p projection.Partition, from, to int64,
) error {
	if c.asked != nil {
		c.asked(&name, &version, &p)
	}
	a := advance{name, version, p, from, to}
	if c.advance != nil {
		return c.advance(ctx, c, tx, a)
	}
	return c.inner(ctx, tx, a)
}

func (c brokenCheckpoints) Fresh(
	ctx context.Context, tx eventlog.Tx, name string, version int, batch []projection.Event,
) ([]projection.Event, error) {
	if c.fresh != nil {
		return c.fresh(ctx, c, tx, batch)
	}
	return c.Checkpoints.Fresh(ctx, tx, name, version, batch)
}

func (c brokenCheckpoints) inner(ctx context.Context, tx eventlog.Tx, a advance) error {
	return c.Checkpoints.Advance(ctx, tx, a.name, a.version, a.p, a.from, a.to)
}

func TestCheckpointsCatches(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		broken brokenCheckpoints
		check  string
		words  string
	}{
		"no compare":            {brokenCheckpoints{advance: overwrite}, "a checkpoint that is elsewhere was moved", "from 0, stored 5"},
		"no compare, rivals":    {brokenCheckpoints{advance: overwrite}, "of rivals at a later checkpoint exactly one moves it", "rivals moved the checkpoint"},
		"first one always wins": {brokenCheckpoints{advance: overwriteFirst}, "a first checkpoint beside an existing one was moved", "moved by somebody else"},
		"made by any compare":   {brokenCheckpoints{advance: makeAny}, "a checkpoint that does not exist was moved", "moved by somebody else"},
		"transaction of its own": {
			brokenCheckpoints{advance: apart}, "a rolled-back checkpoint has no effect", "next offset",
		},
		"rows first":         {brokenCheckpoints{advance: apart}, "rows and checkpoint commit together", "next offset"},
		"one for all":        {brokenCheckpoints{asked: sameVersion}, "names, versions and partitions have checkpoints of their own", "first checkpoint of"},
		"topic's id unset":   {brokenCheckpoints{asked: sameTopic}, "another incarnation of the topic is noticed", "made anew"},
		"nothing remembered": {brokenCheckpoints{fresh: forget}, "what was applied is not fresh again", "step 0: 5 of 5 events are fresh"},
		"remembered for all": {brokenCheckpoints{fresh: oneMemory}, "what was applied is not fresh again", "step 5: 0 of 2 events are fresh"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := memory.NewLog()
			tt.broken.log, tt.broken.Checkpoints = log, memory.NewCheckpoints(log)
			f := applicationtest.CheckpointsFixture{Checkpoints: tt.broken, Store: log, Reader: log}
			caught(t, applicationtest.CheckCheckpoints(t, tt.check, f), tt.words)
		})
	}
}

// overwrite sets the checkpoint wherever it is.
func overwrite(ctx context.Context, c brokenCheckpoints, tx eventlog.Tx, a advance) error {
	from, err := c.Checkpoints.Next(ctx, a.name, a.version, a.p)
	if err != nil {
		return err
	}
	a.from = from
	err = c.inner(ctx, tx, a)
	if errors.Is(err, projection.ErrMoved) {
		return overwrite(ctx, c, tx, a)
	}
	return err
}

func overwriteFirst(ctx context.Context, c brokenCheckpoints, tx eventlog.Tx, a advance) error {
	if a.from == projection.None {
		return overwrite(ctx, c, tx, a)
	}
	return c.inner(ctx, tx, a)
}

func makeAny(ctx context.Context, c brokenCheckpoints, tx eventlog.Tx, a advance) error {
	if from, err := c.Checkpoints.Next(ctx, a.name, a.version, a.p); err == nil && from == projection.None {
		a.from = projection.None
	}
	return c.inner(ctx, tx, a)
}

func apart(ctx context.Context, c brokenCheckpoints, _ eventlog.Tx, a advance) error {
	tx, err := c.log.Begin(ctx)
	if err != nil {
		return err
	}
	return errors.Join(c.inner(ctx, tx, a), tx.Commit(ctx))
}

func sameVersion(_ *string, version *int, _ *projection.Partition) { *version = 1 }

func sameTopic(_ *string, _ *int, p *projection.Partition) { p.ID = uuid.Nil }

func forget(_ context.Context, _ brokenCheckpoints, _ eventlog.Tx, batch []projection.Event) ([]projection.Event, error) {
	return batch, nil
}

func oneMemory(ctx context.Context, c brokenCheckpoints, tx eventlog.Tx, batch []projection.Event) ([]projection.Event, error) {
	return c.Checkpoints.Fresh(ctx, tx, "list", 1, batch)
}
