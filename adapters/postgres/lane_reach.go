package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// logSilence keeps a restart that is over before the next question from counting as an outage.
const logSilence = 500 * time.Millisecond

var _ relaying.Reachable = (*LaneLog)(nil)

// Unreachable implements relaying.Reachable, from what [LaneLog.Changed] finds, which is asked regularly.
func (l *LaneLog) Unreachable() error { return l.reach.Unreachable() }

// note tells an outage from other errors: those are answers.
func (l *LaneLog) note(err error) {
	switch {
	case errors.Is(err, eventlog.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		l.reach.Failed(err)
	case errors.Is(err, context.Canceled):
	default:
		l.reach.Answered()
	}
}
