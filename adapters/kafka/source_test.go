package kafka_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/projection"
)

func TestSourceAppliesEveryEventOnceAndInOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.produce(records(10, 1, 50)...)
	src, runner := r.source(nil), r.runner(nil)
	stop := r.start(src, runner)
	r.wantApplied(10, 50)
	r.produce(records(10, 51, 60)...)
	r.wantApplied(10, 60)
	if err := stop(); err != nil {
		t.Errorf("Run after its context ended: %v, want nil", err)
	}
	if got := runner.Stats(); got.Applied != 600 || got.Parked != 0 {
		t.Errorf("stats %+v, want 600 applied and none dead-lettered", got)
	}
}

func TestSourceGoesOnWhereItsPredecessorStopped(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for last := 10; last <= 50; last += 10 {
		r.produce(records(5, last-9, last)...)
		stop := r.start(r.source(nil), r.runner(nil))
		r.wantApplied(5, last)
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	}
}

// staleStart claims once per partition that nothing was applied yet, as an owner does that read the checkpoint too early.
type staleStart struct {
	projection.Handler
	told map[projection.Partition]bool
}

func (h *staleStart) Start(ctx context.Context, p projection.Partition) (int64, error) {
	if !h.told[p] {
		h.told[p] = true
		return projection.None, nil
	}
	return h.Handler.Start(ctx, p)
}

func TestSourceRedeliveryHasNoEffect(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.produce(records(9, 1, 30)...)
	stop := r.start(r.source(nil), r.runner(nil))
	r.wantApplied(9, 30)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	r.produce(records(9, 31, 60)...)
	small := r.source(func(c *kafka.SourceConfig) { c.MaxBatch = 7 }) // much is fetched when the first batch is refused
	r.start(small, &staleStart{Handler: r.runner(nil), told: make(map[projection.Partition]bool)})
	r.produce(records(9, 61, 70)...)
	r.wantApplied(9, 70)
}

// measuring notes the largest batch.
type measuring struct {
	projection.Handler
	largest atomic.Int64
}

func (h *measuring) Handle(ctx context.Context, p projection.Partition, from int64, batch []projection.Delivery) (int64, error) {
	h.largest.Store(max(h.largest.Load(), int64(len(batch))))
	return h.Handler.Handle(ctx, p, from, batch)
}

func TestSourceHandsOverMoreAtOnceWhileThereIsMore(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	h := &measuring{Handler: r.runner(nil)}
	r.start(r.source(func(c *kafka.SourceConfig) { c.MaxBatch = 1500 }), h)
	for last := 3000; h.largest.Load() < 1500; last += 3000 { // a batch that took long is no reason for more
		r.produce(records(1, last-2999, last)...)
		r.wantApplied(1, last)
	}
	if got := h.largest.Load(); got != 1500 {
		t.Errorf("the largest batch has %d records, want 1500 at most", got)
	}
}

// failing is a handler that refuses one of the calls.
type failing struct {
	projection.Handler
	start, handle error
}

func (h failing) Start(ctx context.Context, p projection.Partition) (int64, error) {
	if h.start != nil {
		return 0, h.start
	}
	return h.Handler.Start(ctx, p)
}

func (h failing) Handle(ctx context.Context, p projection.Partition, from int64, batch []projection.Delivery) (int64, error) {
	if h.handle != nil {
		return 0, h.handle
	}
	return h.Handler.Handle(ctx, p, from, batch)
}

func TestSourceRunEndsWithTheHandlersError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, h := range map[string]failing{"Start": {start: broken}, "Handle": {handle: broken}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.produce(records(3, 1, 1)...)
			h.Handler = r.runner(nil)
			if err := r.source(nil).Run(t.Context(), h); !errors.Is(err, broken) {
				t.Errorf("Run: %v, want the handler's error", err)
			}
		})
	}
}

func TestSourceHealthFollowsMembership(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	src := r.source(nil)
	if src.Health() == nil {
		t.Error("Health before Run is nil")
	}
	stop := r.start(src, r.runner(nil))
	applicationtest.Eventually(t, src.Health)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if src.Health() == nil {
		t.Error("Health after Run is nil")
	}
}
