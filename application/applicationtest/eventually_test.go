package applicationtest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tenon-go/tenon/application/applicationtest"
)

var errNotYet = errors.New("not yet")

func TestEventuallyWaitsForTheCondition(t *testing.T) {
	t.Parallel()
	calls := 0
	applicationtest.Eventually(t, func() error {
		if calls++; calls < 4 {
			return errNotYet
		}
		return nil
	})
	if calls != 4 {
		t.Errorf("condition was looked at %d times, want 4", calls)
	}
}

func TestWaitingEndsWithTheLastError(t *testing.T) {
	t.Parallel()
	err := applicationtest.Until(t.Context(), time.Millisecond, func() error { return errNotYet })
	if !errors.Is(err, errNotYet) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v, want the condition's and the deadline's", err)
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	err := applicationtest.Until(ctx, time.Hour, func() error {
		cancel()
		return errNotYet
	})
	if !errors.Is(err, errNotYet) || !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want the condition's and the context's", err)
	}
}
