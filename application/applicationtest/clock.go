package applicationtest

import (
	"sync"
	"time"
)

// Clock is a clock that stands still until it is moved. The zero value stands at 2026-01-02 03:04:05.000006 UTC. Safe for
// concurrent use.
type Clock struct {
	mu     sync.Mutex
	passed time.Duration
}

// Now returns the clock's time, UTC.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Date(2026, time.January, 2, 3, 4, 5, 6000, time.UTC).Add(c.passed)
}

// Advance moves the clock, back if d is negative.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passed += d
}
