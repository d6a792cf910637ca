package relay

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

const firstPause = 50 * time.Millisecond

// pause is the wait between attempts: it doubles from firstPause, and a random half of it keeps several relays
// from knocking at the same moment.
type pause struct{ n atomic.Int32 }

func (p *pause) reset() { p.n.Store(0) }

// wait waits for the next pause, at most limit, or until stop or gone is closed; nil never is.
func (p *pause) wait(limit time.Duration, stop, gone <-chan struct{}) {
	d := min(firstPause<<min(p.n.Add(1)-1, 16), limit)
	timer := time.NewTimer(d/2 + rand.N(d/2+1)) //nolint:gosec // jitter
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-stop:
	case <-gone:
	}
}
