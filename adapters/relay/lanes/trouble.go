package lanes

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// trouble knows what keeps something from going on, and says so in the log once per change. Safe for concurrent use.
type trouble struct {
	log          *slog.Logger
	begun, ended string

	mu    sync.Mutex
	err   error
	since time.Time
}

func newTrouble(log *slog.Logger, begun, ended string) *trouble {
	return &trouble{log: log, begun: begun, ended: ended}
}

// fail notes what is wrong now; only the first failure after things went well is logged.
func (t *trouble) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.since = time.Now()
		t.log.Warn(t.begun, "error", err)
	}
	t.err = err
}

// ok notes that things go well.
func (t *trouble) ok() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		t.log.Info(t.ended, "after", time.Since(t.since).Round(time.Millisecond))
	}
	t.err = nil
}

func (t *trouble) health() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		return nil
	}
	return fmt.Errorf("degraded since %s: %w", t.since.Format(time.RFC3339), t.err)
}
