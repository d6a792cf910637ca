package cases

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tenon-go/tenon/bench/measure"
	"github.com/tenon-go/tenon/bench/rig"
)

// flood lets clients run the unit again and again, records the rate, and compares what is stored with what was done; rows is
// the number of state rows that a unit leaves.
func (w world) flood(ctx context.Context, lap *measure.Lap, clients int, url string, rows int64, unit unit) error {
	done, elapsed, err := w.flooded(ctx, clients, unit)
	if err != nil {
		return err
	}
	lap.Record("rate", float64(done.measured)/elapsed.Seconds())
	lap.Record(programTime, done.spent.Program.Seconds()*1e6/float64(done.measured))
	lap.Record(serverTime, done.spent.Server.Seconds()*1e6/float64(done.measured))
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
	spent    rig.ProcessorTime // in the time that counts
}

// flooded runs the unit by so many clients, each as fast as it can: first for a moment that doesn't count, while connections and
// prepared statements are made, then for the time of a round. Units are numbered from 1.
func (w world) flooded(ctx context.Context, clients int, unit unit) (units, time.Duration, error) {
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
	if _, err := run(w.sizes.Append / 5); err != nil {
		return units{}, 0, err
	}
	warm := done.Load()
	var before, after rig.ProcessorTime
	var errBefore, errAfter error
	if rig.CountsProcessorTime() {
		before, errBefore = w.rig.ProcessorTime()
	}
	elapsed, err := run(w.sizes.Append)
	if rig.CountsProcessorTime() {
		after, errAfter = w.rig.ProcessorTime()
	}
	did := units{measured: done.Load() - warm, all: done.Load(), spent: after.Since(before)}
	return did, elapsed, errors.Join(err, errBefore, errAfter)
}
