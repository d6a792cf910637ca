// Package lanes relays the log to a target that stores records and progress together, so that each record is published
// exactly once. The log is divided into lanes by a hash of the key; any number of nodes share them.
//
// [New] makes a [Relay] over the contracts of package relaying: a Log to read, a Target to publish to, Members where
// nodes agree on who has which lane, a Board for people. A lane is read a page ahead of what is being committed; no
// database transaction is open meanwhile. Memory is bounded by three times BatchBytes a lane: the page that is
// committed, its encoded form, and the one read ahead.
//
// After any error of the target the lane is taken again, which tells what was committed. Records that a target refuses
// for good are parked with their key's later ones; everything else waits with backoff and is tried in smaller batches.
// How exactly once is meant is the target's to say: one that can't fence and store at once gives at least once.
package lanes

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tenon-go/tenon/application/relaying"
)

// Relay relays the lanes that this node has. Make it with [New]; Run it once.
type Relay struct {
	cfg      Config
	trouble  *trouble // with Members
	changing *trouble // with a change of layout
	reporter *reporter

	mu      sync.Mutex
	workers map[int]*worker // by lane
	leaving map[int]*worker // the last one of a lane that was told to end and hasn't
	layout  relaying.Layout // of the last beat
	totals  Totals          // of workers that have ended
	beatNow chan struct{}   // asks for a beat before its time
	ending  sync.WaitGroup  // workers that were told to end, and the step of a change
	step    *step           // of a change of layout that is being taken
}

var _ relaying.Relay = (*Relay)(nil)

// New returns a relay that has not begun. The error names every field of cfg that is wrong.
func New(cfg Config) (*Relay, error) {
	cfg.setDefaults()
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	r := &Relay{
		cfg: cfg, workers: make(map[int]*worker), leaving: make(map[int]*worker), beatNow: make(chan struct{}, 1), reporter: newReporter(cfg),
	}
	r.trouble = r.newTrouble(cfg.Logger, "relay can't agree with other nodes on lanes", "relay agrees on lanes again")
	r.changing = r.newTrouble(cfg.Logger, "relay can't change the number of lanes, goes on trying", "relay goes on to change the number of lanes")
	return r, nil
}

// Run relays until ctx ends, lets the batches in hand finish within StopTimeout, gives the lanes back and returns nil. It
// waits through outages of log, target and members.
func (r *Relay) Run(ctx context.Context) error {
	var helpers sync.WaitGroup
	helping, stopHelpers := context.WithCancel(context.WithoutCancel(ctx))
	helpers.Go(func() { r.reporter.run(helping) })
	helpers.Go(func() { r.poll(helping) })
	r.attend(ctx)
	r.stopWorkers(nil)
	r.stopStep()
	r.ending.Wait()
	stopHelpers()
	helpers.Wait()
	r.leave(ctx)
	return nil
}

// leave gives the lanes back, so that others needn't wait for the leases to end.
func (r *Relay) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.cfg.StopTimeout)
	defer cancel()
	if err := r.cfg.Members.Leave(ctx, r.cfg.Node); err != nil {
		r.cfg.Logger.Warn("relay could not give its lanes back; others take them when the lease ends", "lease", r.cfg.Lease, "error", err)
	}
}

// pollLimit bounds one question whether there is anything new.
const pollLimit = 5 * time.Second

// poll is the net below the signals: it asks now and then whether anything was committed that nobody told about.
func (r *Relay) poll(ctx context.Context) {
	if r.cfg.Poll == nil {
		return
	}
	tick := time.NewTicker(r.cfg.PollInterval)
	defer tick.Stop()
	known := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		asking, cancel := context.WithTimeout(ctx, pollLimit)
		now, changed, err := r.cfg.Poll(asking, known)
		cancel()
		if err != nil {
			continue // the lanes notice an outage themselves
		}
		known = now
		if changed {
			r.cfg.Wake.Raise()
		}
	}
}
