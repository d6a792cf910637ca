package postgres

import (
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wsql "github.com/ThreeDotsLabs/watermill-sql/v3/pkg/sql"

	"github.com/tenon-go/tenon/application/eventlog"
)

const (
	firstPoll  = 100 * time.Millisecond
	firstRetry = 100 * time.Millisecond
	// rivalWait is the pause of a reader whose group is being served by another one.
	rivalWait = 20 * time.Millisecond
)

// pace decides when a subscription looks at the log again. It waits itself and returns 0, because Watermill's own wait can be
// ended neither by a commit nor by the end of the subscription. For one goroutine.
type pace struct {
	cfg    *SubscriberConfig
	outage *outage
	done   <-chan struct{}
	paged  func() // called after each page, before waiting

	committed <-chan struct{} // closed by a commit after the last look at the log began
	idle      time.Duration
	failing   time.Duration
}

var _ wsql.BackoffManager = (*pace)(nil)

// HandleError implements watermill-sql's BackoffManager: it is called after each page with what came of it.
func (p *pace) HandleError(_ watermill.LoggerAdapter, empty bool, err error) time.Duration {
	p.paged()
	switch {
	case err == nil && !empty:
		p.outage.end()
		p.idle, p.failing = 0, 0
	case err == nil:
		p.outage.end()
		p.failing = 0
		p.idle = grow(p.idle, firstPoll, p.cfg.PollInterval)
		p.wait(p.idle, p.committed)
	case errors.Is(classify(err), eventlog.ErrTransient):
		// Another subscriber of the group has moved the cursor on while this one waited for it.
		p.wait(jitter(rivalWait), nil)
	case errors.Is(err, sql.ErrTxDone):
		// A handler gave the page up, see ConsumerLog, and it is the handler's router that says why.
		p.failing = grow(p.failing, firstRetry, p.cfg.RetryMax)
		p.wait(jitter(p.failing), nil)
	default:
		p.failed(err)
	}
	p.committed = p.cfg.Signal.Wait() // before the next look, or a commit in between is missed
	return 0
}

func (p *pace) failed(err error) {
	select {
	case <-p.done:
		return // what fails then fails because of the stop
	default:
	}
	p.outage.begin(classify(err))
	p.failing = grow(p.failing, firstRetry, p.cfg.RetryMax)
	p.wait(jitter(p.failing), nil)
}

func (p *pace) wait(d time.Duration, woken <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-woken:
	case <-p.done:
	}
}

func grow(d, first, limit time.Duration) time.Duration {
	return min(max(2*d, first), limit)
}

func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d/2+1) //nolint:gosec // jitter
}
