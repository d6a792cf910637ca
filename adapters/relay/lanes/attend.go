package lanes

import (
	"context"
	"slices"
	"time"

	"github.com/tenon-go/tenon/adapters/relay/internal/pause"
	"github.com/tenon-go/tenon/application/relaying"
)

// changePace is between two beats while the layout changes, when nodes wait for each other.
const changePace = 100 * time.Millisecond

// attend beats until ctx ends, and has a worker for each lane that this node has.
func (r *Relay) attend(ctx context.Context) {
	var between pause.Pause
	ends := time.Now() // of the leases, by this node's clock
	for ctx.Err() == nil {
		began := time.Now()
		calling, cancel := context.WithTimeout(ctx, r.cfg.Lease/3)
		a, err := r.cfg.Members.Beat(calling, r.cfg.Node, r.cfg.Lanes, r.cfg.Lease)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			r.trouble.fail(err)
			if time.Now().After(ends) {
				r.stopWorkers(nil) // somebody else may have the lanes
			}
			between.Wait(min(r.cfg.RetryMax, r.cfg.Lease/6), ctx.Done(), nil)
			continue
		}
		r.trouble.ok()
		between.Reset()
		ends = began.Add(r.cfg.Lease)
		r.assign(ctx, a, ends)
		r.rest(ctx, a.Layout.Next != 0)
	}
}

// rest waits until the next beat is due.
func (r *Relay) rest(ctx context.Context, changing bool) {
	d := r.cfg.Lease / 3
	if changing {
		d = min(d, changePace)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.beatNow:
	case <-ctx.Done():
	}
}

// assign stops the workers of lanes that this node doesn't have any more, starts those of new ones and tells all what
// is asked of them.
func (r *Relay) assign(ctx context.Context, a relaying.Assignment, ends time.Time) {
	r.stopWorkers(func(w *worker) bool {
		return w.epoch == a.Layout.Epoch && slices.Contains(a.Lanes, w.lane.Number)
	})
	requests := r.requests(ctx, a)
	r.mu.Lock()
	r.layout = a.Layout
	for _, n := range a.Lanes {
		w, ok := r.workers[n]
		if !ok {
			w = newWorker(r, relaying.Lane{Number: n, Of: a.Layout.Lanes}, a.Layout.Epoch)
			r.workers[n] = w
		}
		w.order(a.Layout, ends, requests[n])
		if !ok {
			w.start(ctx, r.leaving[n])
		}
	}
	r.mu.Unlock()
	r.coordinate(ctx, a)
}

// requests returns what people ask for, by lane.
func (r *Relay) requests(ctx context.Context, a relaying.Assignment) map[int][]relaying.Request {
	if len(a.Lanes) == 0 {
		return nil
	}
	calling, cancel := context.WithTimeout(ctx, r.cfg.Lease/3)
	defer cancel()
	all, err := r.cfg.Board.Requests(calling, a.Lanes, a.Layout.Lanes)
	if err != nil {
		r.cfg.Logger.Debug("relay could not look for requests", "error", err) // the next beat does
		return nil
	}
	byLane := make(map[int][]relaying.Request)
	for _, q := range all {
		n := laneOf(q.Key, a.Layout.Lanes)
		byLane[n] = append(byLane[n], q)
	}
	return byLane
}

// stopWorkers ends all workers that keep doesn't want; nil keeps none. It doesn't wait for them: the leases of the others
// would end meanwhile.
func (r *Relay) stopWorkers(keep func(*worker) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n, w := range r.workers {
		if keep != nil && keep(w) {
			continue
		}
		delete(r.workers, n)
		w.cancel()
		r.leaving[n] = w
		r.ending.Go(func() {
			<-w.done
			r.mu.Lock()
			defer r.mu.Unlock()
			r.totals.add(w.totals.load())
			if r.leaving[n] == w {
				delete(r.leaving, n)
			}
		})
	}
}
