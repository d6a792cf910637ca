// Package pause is the wait between attempts of a relay: it doubles, with a random half, so that several relays don't
// knock at the same moment.
package pause

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

const first = 50 * time.Millisecond

// Pause is a wait that doubles from 50 ms until it is reset. The zero value is ready; safe for concurrent use.
type Pause struct{ n atomic.Int32 }

// Reset makes the next wait the shortest again.
func (p *Pause) Reset() { p.n.Store(0) }

// Wait waits for the next pause, at most limit, or until stop or gone is closed; nil never is.
func (p *Pause) Wait(limit time.Duration, stop, gone <-chan struct{}) {
	d := min(first<<min(p.n.Add(1)-1, 16), limit)
	timer := time.NewTimer(d/2 + rand.N(d/2+1)) //nolint:gosec // jitter
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-stop:
	case <-gone:
	}
}
