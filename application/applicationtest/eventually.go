package applicationtest

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// How often conditions are looked at, and for how long.
const (
	pollEvery = 5 * time.Millisecond
	pollFor   = 30 * time.Second
)

// Eventually returns as soon as the condition returns nil. It ends the test with the condition's last error when that takes
// longer than 30 seconds or the test's context ends. Call it from the test's own goroutine.
func Eventually(t testing.TB, condition func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), pollFor)
	defer cancel()
	if err := until(ctx, condition); err != nil {
		t.Fatal(err)
	}
}

// until polls the condition and returns nil when it does, or its last error when ctx ends or patience runs out.
func until(ctx context.Context, condition func() error) error {
	deadline := time.NewTimer(pollFor)
	defer deadline.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := condition()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return fmt.Errorf("still not so after %v: %w", pollFor, err)
		case <-ctx.Done():
			return fmt.Errorf("%w while waiting: %w", ctx.Err(), err)
		}
	}
}
