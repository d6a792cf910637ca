package kafka

import (
	"context"
	"time"

	"github.com/tenon-go/tenon/application/relaying"
)

const (
	laneSilence = 4 * time.Second // longer than a dial into the void, after which the next broker is asked
	probeEvery  = 2 * time.Second
	probeLimit  = 5 * time.Second
)

var _ relaying.Reachable = (*Lanes)(nil)

// Unreachable implements relaying.Reachable. Once a lane was taken, brokers are asked now and then, also while there is
// nothing to publish.
func (l *Lanes) Unreachable() error { return l.reach.Unreachable() }

// probe asks the brokers whether they are there until ctx ends.
func (l *Lanes) probe(ctx context.Context) {
	for n := 1; ; n++ {
		asking, cancel := context.WithTimeout(ctx, probeLimit)
		err := l.admin.cl.Ping(asking)
		cancel()
		if ctx.Err() != nil {
			return
		}
		wait := retryBackoff(n)
		if err == nil {
			l.reach.Answered()
			n, wait = 0, probeEvery
		} else {
			l.reach.Failed(err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}
