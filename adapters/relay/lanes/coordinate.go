package lanes

import (
	"context"
	"fmt"
	"slices"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// step is one of a change of layout, while it is being taken.
type step struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// coordinate takes the steps of a change of layout that are nobody's alone. The node that has lane 0 does it: two at
// once would do no harm, but fence each other. A step may take longer than a lease, so beats don't wait for it.
func (r *Relay) coordinate(ctx context.Context, a relaying.Assignment) {
	if a.Layout.Next == 0 || !slices.Contains(a.Lanes, 0) {
		r.stopStep()
		r.changing.ok()
		return
	}
	if r.step != nil {
		select {
		case <-r.step.done:
		default:
			return
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &step{cancel, make(chan struct{})}
	r.step = s
	r.ending.Go(func() {
		defer close(s.done)
		defer cancel()
		if err := r.take(ctx, a); err != nil {
			if ctx.Err() == nil {
				r.changing.fail(fmt.Errorf("change from %d to %d lanes: %w", a.Layout.Lanes, a.Layout.Next, err))
			}
			return
		}
		r.changing.ok()
	})
}

// stopStep gives up the step that is being taken, without waiting.
func (r *Relay) stopStep() {
	if r.step != nil {
		r.step.cancel()
	}
}

// take takes the step that is due, if one is.
func (r *Relay) take(ctx context.Context, a relaying.Assignment) error {
	l := a.Layout
	switch {
	case l.Final == "" && len(a.Held) == l.Lanes && !slices.Contains(a.Held, ""):
		final, err := r.cfg.Boundary.Freeze(ctx, a.Held)
		if err != nil {
			return fmt.Errorf("find where all lanes end: %w", err)
		}
		defer r.wantBeat()
		return r.cfg.Layouts.Freeze(ctx, l.Epoch, final)
	case l.Final != "" && len(a.Closed) == l.Lanes && !slices.Contains(a.Closed, false):
		if err := r.open(ctx, l); err != nil {
			return fmt.Errorf("open the new lanes: %w", err)
		}
		defer r.wantBeat()
		return r.cfg.Layouts.Advance(ctx, l.Epoch)
	}
	return nil
}

// taken is a lane whose last word is known.
type taken struct {
	relaying.State

	session relaying.Session
}

// open gives the lanes of the next layout their first progress. It can be done again after it failed half-way: keys that
// are parked stay where they were, for a second look, and are copied to the lanes where they belong now.
func (r *Relay) open(ctx context.Context, l relaying.Layout) error {
	identity, err := r.cfg.Log.Identify(ctx)
	if err != nil {
		return err
	}
	all := make([]taken, max(l.Lanes, l.Next))
	defer func() {
		for _, t := range all {
			if t.session != nil {
				t.session.Close()
			}
		}
	}()
	for n := range all {
		if all[n].session, all[n].State, err = r.cfg.Target.Take(ctx, identity.Log, n); err != nil {
			return fmt.Errorf("take lane %d: %w", n, err)
		}
	}
	last, parked := lastWords(all[:l.Lanes], l)
	for n := range l.Next {
		lane := &all[n]
		if lane.Progress.Epoch > l.Epoch {
			continue // done by an earlier attempt
		}
		b := relaying.Batch{Park: parked[n], Progress: relaying.Progress{
			Log: identity.Log, Timeline: identity.Timeline, Epoch: l.Epoch + 1, Lane: relaying.Lane{Number: n, Of: l.Next},
			Cursor: l.Final, Batches: lane.Progress.Batches + 1, Last: last,
		}}
		if n >= l.Lanes {
			b.Release = stale(lane.Parked, parked[n])
		}
		if err := lane.session.Commit(ctx, b); err != nil {
			return fmt.Errorf("store the first progress of lane %d: %w", n, err)
		}
	}
	return nil
}

// lastWords returns the newest record of the old layout, and what is parked in it by new lane.
func lastWords(old []taken, l relaying.Layout) (last relaying.Mark, parked [][]relaying.Parked) {
	parked = make([][]relaying.Parked, l.Next)
	seen := make(map[relaying.Key]bool)
	for _, t := range old {
		if t.Progress.Last.Position > last.Position {
			last = t.Progress.Last
		}
		for _, p := range t.Parked {
			if seen[p.Key] {
				continue
			}
			seen[p.Key] = true
			n := relaying.LaneOf(eventlog.Bucket(p.AggregateID), l.Next)
			parked[n] = append(parked[n], p)
		}
	}
	return last, parked
}

// stale returns the keys that an older layout left in the lane's place.
func stale(there, now []relaying.Parked) []relaying.Key {
	var keys []relaying.Key
	for _, p := range there {
		if !slices.ContainsFunc(now, func(q relaying.Parked) bool { return q.Key == p.Key }) {
			keys = append(keys, p.Key)
		}
	}
	return keys
}
