package lanes

import (
	"errors"
	"fmt"
	"time"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// Health returns nil while records flow or there are none, else what is wrong and since when: which servers don't answer,
// then what keeps each lane from going on besides that.
func (r *Relay) Health() error {
	var errs []error
	down := r.unreachable()
	if down != nil {
		errs = append(errs, fmt.Errorf("degraded: %w", down))
	}
	add := func(err error) {
		if err != nil && (down == nil || !errors.Is(err, eventlog.ErrUnavailable)) {
			errs = append(errs, err)
		}
	}
	add(r.trouble.health())
	add(r.changing.health())
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.workers {
		if err := w.health(); err != nil {
			add(fmt.Errorf("lane %d of %d: %w", w.lane.Number, w.lane.Of, err))
		}
	}
	return errors.Join(errs...)
}

// unreachable returns which servers of the log and of the target don't answer, if they can tell.
func (r *Relay) unreachable() error {
	var errs []error
	for _, part := range []any{r.cfg.Log, r.cfg.Target} {
		if p, ok := part.(relaying.Reachable); ok {
			errs = append(errs, p.Unreachable())
		}
	}
	return errors.Join(errs...)
}

// slowCommit is after what time a commit that has no answer yet shows in the health.
const slowCommit = 5 * time.Second

func (w *worker) health() error {
	if err := w.trouble.health(); err != nil {
		return err
	}
	began := w.commits.Load()
	if began == 0 || time.Since(time.Unix(0, began)) < slowCommit {
		return nil
	}
	return fmt.Errorf("degraded since %s: %w: a commit has had no answer yet", time.Unix(0, began).UTC().Format(time.RFC3339), eventlog.ErrUnavailable)
}
