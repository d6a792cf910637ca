package relaying

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Reachable is what a [Log] or a [Target] may implement besides, so that an outage of its servers shows before the calls
// that wait for them fail.
type Reachable interface {
	// Unreachable returns nil while the servers answer or nobody has asked them, else which don't and since when:
	// "Kafka unreachable since 2026-03-04T05:06:07Z: ...". Safe for concurrent use.
	Unreachable() error
}

// Reach knows whether servers answer, from what their clients tell it, and logs one line when they stop to answer and one
// when they do again. Safe for concurrent use.
type Reach struct {
	name    string
	log     *slog.Logger
	silence time.Duration
	now     func() time.Time

	mu    sync.Mutex
	since time.Time // of the first failure after the last answer; zero: none
	err   error     // the newest failure since then
	said  bool
}

// NewReach returns the reach of the servers that name is for. They count as unreachable when one has failed and none has
// answered for the time of silence after it, so that one of several that is down doesn't count.
func NewReach(name string, silence time.Duration, log *slog.Logger, now func() time.Time) *Reach {
	return &Reach{name: name, silence: silence, log: log, now: now}
}

// Answered notes that a server has answered, whatever it said.
func (r *Reach) Answered() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.said {
		r.log.Info(r.name+" reachable again", "after", r.now().Sub(r.since).Round(time.Millisecond))
	}
	r.since, r.err, r.said = time.Time{}, nil, false
}

// Failed notes that a server could not be reached, or has lost a request.
func (r *Reach) Failed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.since.IsZero() {
		r.since = r.now()
	}
	r.err = err
	r.down()
}

// down reports whether the servers count as unreachable, and says so the first time.
func (r *Reach) down() bool {
	if r.since.IsZero() || r.now().Sub(r.since) < r.silence {
		return false
	}
	if !r.said {
		r.said = true
		r.log.Warn(r.name+" unreachable, goes on trying", "since", r.since.UTC().Format(time.RFC3339), "error", r.err)
	}
	return true
}

// Unreachable implements [Reachable].
func (r *Reach) Unreachable() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.down() {
		return nil
	}
	return fmt.Errorf("%s unreachable since %s: %w", r.name, r.since.UTC().Format(time.RFC3339), r.err)
}
