package projection

import (
	"errors"
	"fmt"
	"time"
)

// Stats counts what a runner did since it was made.
type Stats struct {
	Applied     int64     // events whose effects are stored
	Passed      int64     // events of types that the projection doesn't handle
	Repeated    int64     // events that were taken for repeats: a later version, or the event itself, was applied before
	Parked      int64     // events parked, those behind others included
	Retries     int64     // attempts after the first, outages not counted
	LastApplied time.Time // when a checkpoint was last moved; zero: never
}

// Stats returns the counts so far. Safe for concurrent use.
func (r *Runner) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stats
}

func (r *Runner) count(change func(*Stats)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.stats)
}

// Health returns nil while events flow or there are none, else what is wrong and since when: no source, a source that is ill,
// or an outage that is being waited out.
func (r *Runner) Health() error {
	r.mu.Lock()
	source := r.source
	r.mu.Unlock()
	if source == nil {
		return fmt.Errorf("projection %s isn't running", r.cfg.Projection.Name)
	}
	var errs []error
	if err := source.Health(); err != nil {
		errs = append(errs, fmt.Errorf("projection %s: %w", r.cfg.Projection.Name, err))
	}
	if since, err := r.waits.state(); err != nil {
		errs = append(errs, fmt.Errorf("projection %s waits since %s: %w", r.cfg.Projection.Name, since.UTC().Format(time.RFC3339), err))
	}
	return errors.Join(errs...)
}
