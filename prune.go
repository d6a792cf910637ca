package tenon

import (
	"context"
	"time"
)

const pruneEvery = time.Hour

// pruning returns a loop that forgets what was noted longer ago than keep; 0 keeps it for ever. What it can't delete now it deletes
// later.
func (a *App) pruning(what string, keep time.Duration, prune func(ctx context.Context, keep time.Duration) (int64, error)) *loop {
	run := func(ctx context.Context) error {
		tick := time.NewTicker(pruneEvery)
		defer tick.Stop()
		for {
			if keep > 0 {
				if n, err := prune(ctx, keep); err != nil && ctx.Err() == nil {
					a.log.Warn("can't prune "+what, "error", err)
				} else if n > 0 {
					a.log.Info("pruned "+what, "rows", n)
				}
			}
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
	}
	return newLoop("pruning of "+what, run, func() error { return nil })
}
