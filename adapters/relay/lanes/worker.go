package lanes

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/relay/internal/pause"
	"github.com/tenon-go/tenon/application/relaying"
)

// worker relays one lane while this node has it.
type worker struct {
	relay   *Relay
	lane    relaying.Lane
	epoch   int64
	trouble *trouble
	cancel  context.CancelFunc
	done    chan struct{}
	taken   bool // before
	totals  counters
	commits atomic.Int64 // when the commit that has no answer yet began, in nanoseconds since 1970; 0: none
	halved  atomic.Int32 // how often the bound on a page's bytes is halved
	carried int          // commits since that has changed or one has failed

	// refused are records that the target won't take, learned from batches that failed; they outlive the session, until
	// their keys are parked.
	refused map[uuid.UUID]refusal

	mu       sync.Mutex
	layout   relaying.Layout
	ends     time.Time // of the lease
	requests []relaying.Request
	closed   map[int64]bool // requests that were carried out since the last orders
	ordered  chan struct{}  // holds a token when the fields above have changed
}

func newWorker(r *Relay, lane relaying.Lane, epoch int64) *worker {
	log := r.cfg.Logger.With("lane", lane.Number, "lanes", lane.Of)
	return &worker{
		relay: r, lane: lane, epoch: epoch, refused: make(map[uuid.UUID]refusal),
		trouble: r.newTrouble(log, "relay lane can't go on, goes on trying", "relay lane goes on again"),
		done:    make(chan struct{}), ordered: make(chan struct{}, 1),
	}
}

// start begins when the lane's worker before, if there is one, has ended.
func (w *worker) start(ctx context.Context, before *worker) {
	ctx, w.cancel = context.WithCancel(ctx)
	go func() {
		defer close(w.done)
		if before != nil {
			<-before.done
		}
		w.run(ctx)
	}()
}

// order tells the worker what is asked of it now.
func (w *worker) order(l relaying.Layout, ends time.Time, requests []relaying.Request) {
	w.mu.Lock()
	w.layout, w.ends = l, ends
	w.requests = slices.DeleteFunc(requests, func(q relaying.Request) bool { return w.closed[q.ID] }) // looked up before they were closed
	w.closed = nil
	w.mu.Unlock()
	select {
	case w.ordered <- struct{}{}:
	default:
	}
}

func (w *worker) orders() (relaying.Layout, time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.layout, w.ends
}

// takeRequests returns the requests that were not yet carried out, once.
func (w *worker) takeRequests() []relaying.Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	requests := w.requests
	w.requests = nil
	return requests
}

// handled notes that a request is closed. It may have been handed out again meanwhile.
func (w *worker) handled(id int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests = slices.DeleteFunc(w.requests, func(q relaying.Request) bool { return q.ID == id })
	if w.closed == nil {
		w.closed = make(map[int64]bool)
	}
	w.closed[id] = true
}

// errClosed ends a worker whose lane has nothing more to relay.
var errClosed = errors.New("the lane's layout has ended")

// run takes the lane and relays it, again after every error, until ctx ends or the layout does.
func (w *worker) run(ctx context.Context) {
	var between pause.Pause
	for ctx.Err() == nil {
		err := w.serve(ctx, &between)
		var refused *relaying.RefusedError
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errClosed):
			w.trouble.ok()
			return
		case errors.As(err, &refused):
			continue // known now: the next session parks them
		}
		w.trouble.fail(err)
		between.Wait(w.relay.cfg.RetryMax, ctx.Done(), nil)
	}
}

// well notes that the lane does what it should.
func (w *worker) well(between *pause.Pause) {
	w.trouble.ok()
	between.Reset()
}

// maxHalved bounds how often the bound on a page's bytes is halved: from 4 MiB to 4 KiB. widenAfter is how many commits in
// a row have succeeded before it is doubled again: on a line that stays slow, the next one may take its whole time in vain.
const (
	maxHalved  = 10
	widenAfter = 16
)

// pageBytes bounds the next page. Without narrowing it, a batch that a slow line can't carry in the time for one commit
// would be tried for ever.
func (w *worker) pageBytes() int { return max(w.relay.cfg.BatchBytes>>w.halved.Load(), 1) }

// narrow follows a commit that has failed and not for its records. It and widen are called by one goroutine.
func (w *worker) narrow() {
	w.halved.Store(min(w.halved.Load()+1, maxHalved))
	w.carried = 0
}

// widen follows a commit that has succeeded.
func (w *worker) widen() {
	if w.carried++; w.carried >= widenAfter {
		w.halved.Store(max(w.halved.Load()-1, 0))
		w.carried = 0
	}
}
