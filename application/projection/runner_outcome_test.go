package projection_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
)

// unknownOnce makes one commit's outcome unknown, stored or not.
func unknownOnce(stored bool) func(func() error) error {
	fail := times(1, eventlog.ErrOutcomeUnknown)
	return func(commit func() error) error {
		err := fail()
		if err == nil || stored {
			if commitErr := commit(); commitErr != nil {
				return commitErr
			}
		}
		return err
	}
}

func TestOutcomeUnknownIsLookedUp(t *testing.T) {
	t.Parallel()
	for name, stored := range map[string]bool{"stored": true, "not stored": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, withFaults(&faultyStore{commit: unknownOnce(stored)}, nil))
			r.handle(t, events(t, 0, 4)...)
			if diff := cmp.Diff(numbers(0, 4), r.effect(t)); diff != "" {
				t.Errorf("effects (-want +got):\n%s", diff)
			}
			calls := map[bool]int{true: 1, false: 2}[stored]
			if len(r.calls) != calls {
				t.Errorf("Apply was called %d times, want %d", len(r.calls), calls)
			}
		})
	}
}

func TestOutcomeUnknownAndNoAnswerIsFoundOutByTryingAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, withFaults(&faultyStore{commit: unknownOnce(true)}, times(1, eventlog.ErrUnavailable)))
	if _, err := r.Handle(t.Context(), partition, projection.None, events(t, 0, 4)); !errors.Is(err, projection.ErrMoved) {
		t.Errorf("Handle: %v, want ErrMoved: it was stored", err)
	}
	if next, err := r.Start(t.Context(), partition); next != 5 || err != nil {
		t.Errorf("Start: %d, %v, want 5", next, err)
	}
}

func TestOutcomeUnknownAfterARivalMovedOn(t *testing.T) {
	t.Parallel()
	var r *rig
	rival := func() error { // takes its chance before the outcome is looked up
		rival, err := projection.NewRunner(r.cfg)
		if err != nil {
			return err
		}
		_, err = rival.Handle(t.Context(), partition, projection.None, events(t, 0, 7))
		return err
	}
	r = newRig(t, withFaults(&faultyStore{commit: unknownOnce(false)}, func() error { return rival() }))
	if _, err := r.Handle(t.Context(), partition, projection.None, events(t, 0, 4)); !errors.Is(err, projection.ErrMoved) {
		t.Errorf("Handle: %v, want ErrMoved", err)
	}
	if diff := cmp.Diff(numbers(0, 7), r.effect(t)); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
}
