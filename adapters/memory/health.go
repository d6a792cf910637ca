package memory

import (
	"fmt"
	"sync"
	"time"
)

// health is what is wrong and since when. The zero value is well.
type health struct {
	mu    sync.Mutex
	err   error
	since time.Time
}

// set notes the present state; the time of the first of several errors is kept.
func (h *health) set(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err == nil {
		h.since = time.Now()
	}
	h.err = err
}

func (h *health) get() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err == nil {
		return nil
	}
	return fmt.Errorf("%w (since %s)", h.err, h.since.UTC().Format(time.RFC3339))
}
