// Package applicationtest holds the conformance suites: what the contracts of package application promise, as tests that
// every adapter passes. An adapter's test calls [Store], [Appender], [Reader], [Checkpoints], [Reading], [DeadLetters],
// [Effects], [Repository] or [Relay] with a function that makes a fresh fixture; each promise is a parallel subtest, named after it, with
// a fixture of its own.
//
// For other tests there are [NewBench] and [Run], which send commands to handlers and show what they recorded, [Eventually],
// which waits for a condition, and [Clock].
//
// A suite sees an adapter only through its contract. What an adapter promises beyond that, it tests itself.
package applicationtest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// patience bounds a single check. No check waits that long unless something is broken.
const patience = 3 * time.Minute

// check is one promise of a contract. run returns how the fixture breaks it; being a plain function, it can itself be
// tested with adapters that are broken on purpose.
type check[F any] struct {
	name string
	run  func(ctx context.Context, f F) error
}

// errSkip says that the fixture can't show this promise.
var errSkip = errors.New("not shown by this fixture")

func runChecks[F any](t *testing.T, fixture func(testing.TB) F, checks []check[F]) {
	t.Helper()
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := fixture(t)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			err := c.run(ctx, f)
			if errors.Is(err, errSkip) {
				t.Skip(err)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// step says in which step of a check an error came up.
func step(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
