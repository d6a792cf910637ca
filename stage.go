package tenon

import (
	"context"
	"sync"
)

// stage is a group of goroutines that stop together.
type stage struct {
	ctx    context.Context //nolint:containedctx // it is what the stage is
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// newStage returns a stage that outlives ctx: it is stopped in its turn.
func newStage(ctx context.Context) *stage {
	s := &stage{}
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return s
}

func (s *stage) run(f func(context.Context)) { s.wg.Go(func() { f(s.ctx) }) }

// stop tells the goroutines to end and waits until they have.
func (s *stage) stop() {
	s.cancel()
	s.wg.Wait()
}
