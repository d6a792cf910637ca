package cases

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tenon-go/tenon/bench/measure"
)

// flood lets clients run the unit again and again, records the rate, and compares what is stored with what was done; rows is
// the number of state rows that a unit leaves.
func (w world) flood(ctx context.Context, lap *measure.Lap, clients int, url string, rows int64, unit unit) error {
	done, elapsed, err := flooded(ctx, clients, w.sizes.Append, unit)
	if err != nil {
		return err
	}
	lap.Record("rate", float64(done.measured)/elapsed.Seconds())
	return errors.Join(
		count(ctx, url, `SELECT count(*) FROM tenon.events`, done.all),
		count(ctx, url, `SELECT count(DISTINCT payload->>'seq') FROM tenon.events`, done.all),
		count(ctx, url, `SELECT count(*) FROM bench.things`, rows*done.all),
	)
}

// units counts what clients did.
type units struct {
	measured int64 // in the time that counts
	all      int64
}

// flooded runs the unit by so many clients, each as fast as it can: first for a moment that doesn't count, while connections and
// prepared statements are made, then for d. Units are numbered from 1.
func flooded(ctx context.Context, clients int, d time.Duration, unit unit) (units, time.Duration, error) {
	var seq, done atomic.Int64
	run := func(d time.Duration) (time.Duration, error) {
		began := time.Now()
		errs := make([]error, clients)
		var all sync.WaitGroup
		for i := range clients {
			all.Go(func() {
				for errs[i] == nil && time.Since(began) < d {
					if errs[i] = unit(ctx, seq.Add(1)); errs[i] == nil {
						done.Add(1)
					}
				}
			})
		}
		all.Wait()
		return time.Since(began), errors.Join(errs...)
	}
	if _, err := run(d / 5); err != nil {
		return units{}, 0, err
	}
	warm := done.Load()
	elapsed, err := run(d)
	return units{measured: done.Load() - warm, all: done.Load()}, elapsed, err
}
