package projection

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/tenon-go/tenon/application/backoff"
	"github.com/tenon-go/tenon/application/eventlog"
)

// outageError marks an error that no event is to blame for: it is waited out.
type outageError struct{ cause error }

func (e *outageError) Error() string { return e.cause.Error() }
func (e *outageError) Unwrap() error { return e.cause }

func outage(err error) error {
	if err == nil {
		return nil
	}
	return &outageError{cause: err}
}

func isOutage(err error) bool {
	var o *outageError
	return errors.As(err, &o) || errors.Is(err, eventlog.ErrUnavailable) || errors.Is(err, eventlog.ErrTransient) ||
		errors.Is(err, eventlog.ErrOutcomeUnknown)
}

// spentError is an error that came back after the last retry.
type spentError struct{ cause error }

func (e *spentError) Error() string { return e.cause.Error() }
func (e *spentError) Unwrap() error { return e.cause }

// isFinal tells errors that no further attempt changes: the partition is somebody else's, or its topic is another.
func isFinal(err error) bool {
	return errors.Is(err, ErrMoved) || errors.Is(err, ErrTopicReplaced) || errors.Is(err, ErrPartitionsChanged) ||
		errors.Is(err, ErrElsewhere) || errors.Is(err, errReleased)
}

// try runs do until it succeeds, the context ends, the partition turns out to be somebody else's, or an error that is no
// outage has come back after so many more attempts: *spentError. Retries start anew after an outage, which may have been what
// the earlier errors were about.
func (r *Runner) try(ctx context.Context, p Partition, retries int, do func() error) error {
	err := do()
	if err == nil {
		return nil
	}
	defer func() { r.waits.end(p, ctx.Err() == nil) }()
	for failures, outages := 0, 0; ; err = do() {
		var attempt int
		switch {
		case err == nil || isFinal(err):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case isOutage(err):
			r.waits.begin(p, err)
			failures, outages = 0, outages+1
			attempt = outages
		case failures >= retries:
			return &spentError{cause: err}
		default:
			r.waits.end(p, true)
			if failures == 0 {
				r.cfg.Logger.WarnContext(ctx, "projection failed, trying again", "topic", p.Topic, "partition", p.Number, "error", err)
			}
			failures, outages = failures+1, 0
			attempt = failures
			r.count(func(s *Stats) { s.Retries++ })
		}
		if err := backoff.Wait(ctx, attempt, r.cfg.MinBackoff, r.cfg.MaxBackoff); err != nil {
			return err
		}
	}
}

// waits knows which partitions are waiting for an outage to end. An outage stops all of them: it is logged once when the first
// one begins to wait, and once when none waits any more.
type waits struct {
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex
	waiting map[Partition]struct{}
	since   time.Time
	cause   error
}

func (w *waits) begin(p Partition, cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		w.since = w.now()
		w.log.Warn("projection waits", "topic", p.Topic, "partition", p.Number, "error", cause)
		w.waiting = make(map[Partition]struct{})
	}
	w.waiting[p] = struct{}{}
	w.cause = cause
}

func (w *waits) end(p Partition, goesOn bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.waiting[p]; !ok {
		return
	}
	delete(w.waiting, p)
	if len(w.waiting) > 0 {
		return
	}
	w.cause = nil
	if goesOn {
		w.log.Info("projection goes on", "waited", w.now().Sub(w.since).Round(time.Millisecond))
	}
}

// state returns what is waited for and since when; no error: nothing.
func (w *waits) state() (time.Time, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.since, w.cause
}
