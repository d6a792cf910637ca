package applicationtest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// How often conditions are looked at, and for how long: a busy machine has its time, and no test that passes waits it out.
// Looking may cost the adapter a lot, so it becomes rarer.
const (
	pollFirst  = 2 * time.Millisecond
	pollAtMost = 50 * time.Millisecond
	pollFor    = 90 * time.Second
)

// Eventually returns as soon as the condition returns nil. It ends the test with the condition's last error when that takes
// longer than 90 seconds or the test's context ends. Call it from the test's own goroutine.
func Eventually(t testing.TB, condition func() error) {
	t.Helper()
	if err := until(t.Context(), condition); err != nil {
		t.Fatal(err)
	}
}

// finalError is a condition's error that no waiting mends.
type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

// patienceKey is the context's key for another patience than pollFor, with which broken adapters are tested.
type patienceKey struct{}

// until polls the condition and returns nil when it does, or its last error when ctx ends, patience runs out or waiting
// is of no use.
func until(ctx context.Context, condition func() error) error {
	patience, ok := ctx.Value(patienceKey{}).(time.Duration)
	if !ok {
		patience = pollFor
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for pause := pollFirst; ; pause = min(2*pause, pollAtMost) {
		err := condition()
		if err == nil || errors.As(err, new(finalError)) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("waited in vain (%w): %w", ctx.Err(), err)
		}
	}
}
