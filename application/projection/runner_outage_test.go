package projection_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
)

func eventually(t testing.TB, condition func() bool) {
	t.Helper()
	applicationtest.Eventually(t, func() error {
		if !condition() {
			return errors.New("not yet")
		}
		return nil
	})
}

// times returns err that often, then nil.
func times(n int, err error) func() error {
	var calls atomic.Int64
	return func() error {
		if calls.Add(1) <= int64(n) {
			return err
		}
		return nil
	}
}

func TestOutagesAreNeverHeldAgainstEvents(t *testing.T) {
	t.Parallel()
	odd := errors.New("permission denied")
	twenty := func(err error) func() error { return times(20, err) }
	for name, s := range map[string]*faultyStore{
		"begin unavailable":  {begin: twenty(eventlog.ErrUnavailable)},
		"begin odd":          {begin: twenty(odd)},
		"commit unavailable": {commit: failCommits(20, eventlog.ErrUnavailable)},
		"commit transient":   {commit: failCommits(20, eventlog.ErrTransient)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, withFaults(s, nil))
			r.handle(t, events(t, 0, 2)...)
			if diff := cmp.Diff(numbers(0, 2), r.effect(t)); diff != "" {
				t.Errorf("effects (-want +got):\n%s", diff)
			}
			if got := r.Stats(); got.Parked != 0 || got.Retries != 0 {
				t.Errorf("stats %+v, want no retries counted and none parked", got)
			}
		})
	}
}

func failCommits(n int, err error) func(func() error) error {
	fail := times(n, err)
	return func(commit func() error) error {
		if err := fail(); err != nil {
			return err
		}
		return commit()
	}
}

func TestOutageInApply(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{"unavailable": eventlog.ErrUnavailable, "transient": eventlog.ErrTransient} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			fail := times(20, err)
			r.hook = func(noted) error { return fail() }
			r.handle(t, events(t, 0, 2)...)
			if got := r.Stats(); got.Applied != 3 || got.Retries != 0 || got.Parked != 0 {
				t.Errorf("stats %+v, want 3 applied and nothing else", got)
			}
		})
	}
}

func TestOutageThatApplyMisnames(t *testing.T) {
	t.Parallel()
	s := &faultyStore{rollback: times(20, errors.New("driver: bad connection"))}
	r := newRig(t, withFaults(s, nil))
	fail := times(20, errors.New("something broke"))
	r.hook = func(noted) error { return fail() }
	r.handle(t, event(t, 0, ""))
	if got := r.Stats(); got.Applied != 1 || got.Parked != 0 {
		t.Errorf("stats %+v: an event was blamed for a broken connection", got)
	}
}

func TestOutageBetweenFailuresStartsTheCountAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	calls := 0
	r.hook = func(noted) error {
		if calls++; calls%3 == 0 {
			return eventlog.ErrUnavailable
		} else if calls < 20 {
			return errors.New("odd, as errors of dying servers are")
		}
		return nil
	}
	r.handle(t, event(t, 0, ""))
	if got := r.Stats(); got.Applied != 1 || got.Parked != 0 {
		t.Errorf("stats %+v: an event was blamed for an outage", got)
	}
}

func TestOutageOfWhatIsParkedLastsAsLongAsItDoes(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{"unavailable": eventlog.ErrUnavailable, "odd": errors.New("permission denied")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(r *rig) { r.cfg.Parking = unwrappedParking{r.cfg.Parking, times(20, err)} })
			r.handle(t, event(t, 0, "refused"), event(t, 1, ""))
			if got := r.Stats(); got.Parked != 1 || got.Applied != 1 || got.Retries != 6 || len(r.letters(t)) != 1 {
				t.Errorf("stats %+v, want 1 parked after the batch's 3 retries and the event's own 3", got)
			}
		})
	}
}

func TestOutageLogsItsBeginningAndItsEnd(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := newRig(t, func(r *rig) { r.cfg.Logger = slog.New(slog.NewTextHandler(&out, nil)) })
	mend := r.log.Break()
	handled := make(chan error, 1)
	go func() {
		_, err := r.Handle(t.Context(), partition, projection.None, events(t, 0, 2))
		handled <- err
	}()
	go func() { _ = r.Run(t.Context(), brokenSource{}) }()
	eventually(t, func() bool {
		err := r.Health()
		return err != nil && strings.Contains(err.Error(), "waits since 2026-01-02T03:04:05Z")
	})
	mend()
	if err := <-handled; err != nil {
		t.Fatal(err)
	}
	if err := r.Health(); err != nil {
		t.Errorf("Health after the outage: %v", err)
	}
	if down, up := strings.Count(out.String(), "projection waits"), strings.Count(out.String(), "projection goes on"); down != 1 || up != 1 {
		t.Errorf("%d lines about the outage and %d about its end, want 1 and 1:\n%s", down, up, out.String())
	}
}

func TestOutageEndsWithTheContext(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	defer r.log.Break()()
	ctx, cancel := context.WithCancel(t.Context())
	handled := make(chan error, 1)
	go func() {
		_, err := r.Handle(ctx, partition, projection.None, events(t, 0, 2))
		handled <- err
	}()
	go func() { _ = r.Run(t.Context(), brokenSource{}) }()
	eventually(t, func() bool { err := r.Health(); return err != nil && strings.Contains(err.Error(), "waits since") })
	cancel()
	if err := <-handled; !errors.Is(err, context.Canceled) {
		t.Errorf("Handle: %v, want the context's error", err)
	}
	if _, err := r.Start(ctx, partition); !errors.Is(err, context.Canceled) {
		t.Errorf("Start: %v, want the context's error", err)
	}
}

func TestOutageNothingIsParkedBecauseTheContextEnded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	r := newRig(t, func(r *rig) { r.cfg.Retries = -1 })
	r.hook = func(noted) error {
		cancel()
		return ctx.Err()
	}
	if _, err := r.Handle(ctx, partition, projection.None, events(t, 0, 0)); !errors.Is(err, context.Canceled) || len(r.parked(t)) > 0 {
		t.Errorf("Handle: %v with %d parked, want the context's error and none", err, len(r.parked(t)))
	}
}
