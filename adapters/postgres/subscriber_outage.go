package postgres

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// outage knows whether something fails at present, and logs when that begins and ends. Safe for concurrent use.
type outage struct {
	log         *slog.Logger
	begun, over string // what is logged

	mu    sync.Mutex
	err   error
	since time.Time
}

func (o *outage) begin(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.since = time.Now()
		o.log.Warn(o.begun, "error", err)
	}
	o.err = err
}

func (o *outage) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		o.log.Info(o.over, "after", time.Since(o.since).Round(time.Millisecond))
	}
	o.err = nil
}

func (o *outage) health() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		return nil
	}
	return fmt.Errorf("since %s: %w", o.since.Format(time.RFC3339), o.err)
}
