package lanes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// trouble knows what keeps something from going on, and says so in the log once per change. What passes by itself is said
// when it has lasted, and not at all while the log or the target is unreachable, which is said once for all. Safe for
// concurrent use.
type trouble struct {
	log          *slog.Logger
	begun, ended string
	patience     time.Duration
	outage       func() bool

	mu      sync.Mutex
	err     error
	since   time.Time
	excused time.Time // until when an outage was the reason
	said    bool
}

func (r *Relay) newTrouble(log *slog.Logger, begun, ended string) *trouble {
	return &trouble{log: log, begun: begun, ended: ended, patience: r.cfg.Lease, outage: func() bool { return r.unreachable() != nil }}
}

// fail notes what is wrong now.
func (t *trouble) fail(err error) {
	passing := errors.Is(err, eventlog.ErrUnavailable) || errors.Is(err, relaying.ErrFenced) || errors.Is(err, context.DeadlineExceeded)
	quiet := passing && t.outage()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.since = time.Now()
	}
	t.err = err
	if quiet {
		t.excused = time.Now()
	}
	lasted := min(time.Since(t.since), time.Since(t.excused)) // what began in an outage may end a moment after it
	if !t.said && !quiet && (!passing || lasted >= t.patience) {
		t.said = true
		t.log.Warn(t.begun, "since", t.since.UTC().Format(time.RFC3339), "error", err)
	}
}

// ok notes that things go well.
func (t *trouble) ok() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.said {
		t.log.Info(t.ended, "after", time.Since(t.since).Round(time.Millisecond))
	}
	t.err, t.said = nil, false
}

func (t *trouble) health() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		return nil
	}
	return fmt.Errorf("degraded since %s: %w", t.since.UTC().Format(time.RFC3339), t.err)
}
