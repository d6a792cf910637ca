package kafka

import (
	"context"
	"math/rand/v2"
	"time"
)

// retryBackoff is the wait before the nth retry, from 1: 50 ms doubled up to 2 s, half of it jitter.
func retryBackoff(n int) time.Duration {
	d := 2 * time.Second
	if n < 6 {
		d = 50 * time.Millisecond << max(n-1, 0)
	}
	return d/2 + rand.N(d/2) //nolint:gosec // jitter
}

// pause waits before the nth retry; false when ctx ends first.
func pause(ctx context.Context, n int) bool {
	timer := time.NewTimer(retryBackoff(n))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
