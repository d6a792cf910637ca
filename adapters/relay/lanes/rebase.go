package lanes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tenon-go/tenon/adapters/relay/internal/pause"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// Destination is where the lanes go on after a rebase.
type Destination string

// The destinations.
const (
	// ToCopy is where the copy of the progress is, for lanes that the target has lost. What was published after the copy
	// was written comes again. A lane with which nothing is wrong stays as it is.
	ToCopy Destination = "copy"
	// ToNow passes over everything that is committed: it counts as published. Keys aren't parked any more.
	ToNow Destination = "now"
	// ToStart publishes the whole log again. Keys aren't parked any more.
	ToStart Destination = "start"
)

// RebaseConfig says whose lanes are meant. All fields are required.
type RebaseConfig struct {
	Log      relaying.Log
	Boundary relaying.Boundary
	Target   relaying.Target
	View     relaying.Viewer // of the target
	Board    relaying.Board
	Copies   relaying.Copies
	Survey   relaying.Survey
	Layout   relaying.Layout // in force, and not being changed
	Node     string          // names the caller on the board
}

// Rebase decides anew where lanes go on that a relay refuses to relay: the log or the progress isn't what it was. Relays
// may run meanwhile: they are fenced, take their lanes again and go on from there, one that refused to within its RetryMax,
// one that has nothing to send when the next record comes. For one goroutine.
type Rebase struct{ cfg RebaseConfig }

// NewRebase returns a rebase that has done nothing. The error names what is wrong with cfg.
func NewRebase(cfg RebaseConfig) (*Rebase, error) {
	switch l := cfg.Layout; {
	case cfg.Log == nil || cfg.Boundary == nil || cfg.Target == nil || cfg.Board == nil || cfg.Copies == nil || cfg.View == nil ||
		cfg.Survey == nil || cfg.Node == "":
		return nil, errors.New("rebase: every field is required")
	case l.Epoch < 1 || l.Lanes < 1 || l.Lanes > relaying.MaxLanes:
		return nil, fmt.Errorf("rebase: layout %d of %d lanes: no relay of lanes has run on this log", l.Epoch, l.Lanes)
	case l.Next != 0:
		return nil, fmt.Errorf("rebase: a change from %d to %d lanes is under way, and a line through the log is being drawn for it: let the relays run "+
			"until `tenon relay status` shows that it is done; where they refuse to go on, restore the log or the topic of their progress first",
			l.Lanes, l.Next)
	}
	return &Rebase{cfg: cfg}, nil
}

// Move makes every lane of the layout go on at the destination and returns their progress. Nothing is changed unless all
// of them can: with ToCopy each needs a copy that goes with the log. When it fails half-way it can be done again.
func (r *Rebase) Move(ctx context.Context, to Destination) ([]relaying.Progress, error) {
	if to != ToCopy && to != ToNow && to != ToStart {
		return nil, fmt.Errorf("go on at %q: want %s, %s or %s", to, ToCopy, ToNow, ToStart)
	}
	found, err := r.Look(ctx)
	if err != nil {
		return nil, err
	}
	ahead := false
	for i := range found {
		ahead = ahead || found[i].Progress.Epoch > r.cfg.Layout.Epoch
		if to == ToCopy && found[i].Problem != nil && found[i].NoCopy != nil {
			return nil, fmt.Errorf("lane %d: %w", i, found[i].NoCopy)
		}
	}
	if ahead {
		if err := r.retire(ctx); err != nil {
			return nil, err
		}
	}
	moved := make([]relaying.Progress, len(found))
	for n := range moved {
		var before attempt
		err := r.again(ctx, func() error { return r.move(ctx, n, to, &before) })
		moved[n] = before.to
		if err != nil {
			return nil, fmt.Errorf("move lane %d: %w", n, err)
		}
	}
	return moved, nil
}

// again tries until it works, for a while: a relay that runs takes the lane back now and then.
func (r *Rebase) again(ctx context.Context, try func() error) error {
	var between pause.Pause
	var err error
	for range 60 {
		if err = try(); !errors.Is(err, relaying.ErrFenced) && !errors.Is(err, eventlog.ErrUnavailable) {
			return err
		}
		between.Wait(time.Second, ctx.Done(), nil)
		if ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
	}
	return err
}

// attempt is a move whose outcome isn't known, until the lane is taken again.
type attempt struct {
	to     relaying.Progress
	parked []relaying.Parked
	broken bool // nobody else could have moved the lane
}

// in reports whether the move was done: then the lane is where it was put, or a relay has gone on from there.
func (a *attempt) in(f *LaneFinding) bool {
	return a.to.Batches > 0 && (f.Progress == a.to || a.broken && f.Problem == nil)
}

// move takes a lane, stores where it goes on, and shows it. The place is found after the lane was taken, when nobody else
// moves it. A second attempt doesn't move a lane again: now would be later, and pass over more.
func (r *Rebase) move(ctx context.Context, n int, to Destination, a *attempt) error {
	identity, err := r.cfg.Log.Identify(ctx)
	if err != nil {
		return err
	}
	session, state, err := r.cfg.Target.Take(ctx, identity.Log, n)
	if err != nil {
		return err
	}
	defer session.Close()
	f, err := r.examine(ctx, identity, n, &state)
	switch {
	case err != nil:
		return err
	case to == ToCopy && f.Problem == nil && a.to.Batches == 0:
		a.to = state.Progress
		return nil
	case !a.in(&f):
		if err := r.put(ctx, identity, session, &state, &f, to, a); err != nil {
			return err
		}
	}
	report := relaying.Report{Node: r.cfg.Node, Progress: a.to, ParkedChanged: true, Parked: a.parked}
	return r.cfg.Board.Report(ctx, []relaying.Report{report})
}

// put commits where the lane goes on.
func (r *Rebase) put(
	ctx context.Context, identity relaying.Identity, session relaying.Session, state *relaying.State, f *LaneFinding, to Destination, a *attempt,
) error {
	next, err := r.destination(ctx, f, to)
	if err != nil {
		return err
	}
	next.Progress.Log, next.Progress.Timeline, next.Progress.Epoch = identity.Log, identity.Timeline, r.cfg.Layout.Epoch
	next.Progress.Lane = r.lane(f.Lane)
	next.Progress.Batches = max(state.Progress.Batches, f.copied.Progress.Batches) + 1
	*a = attempt{to: next.Progress, parked: next.Parked, broken: f.Problem != nil}
	return session.Commit(ctx, relaying.Batch{Progress: next.Progress, Park: next.Parked, Release: stale(state.Parked, next.Parked)})
}

// destination returns the cursor, the last record and the parked keys.
func (r *Rebase) destination(ctx context.Context, f *LaneFinding, to Destination) (next relaying.State, err error) {
	p := &next.Progress
	switch to {
	case ToStart:
		return next, nil
	case ToNow:
		p.Cursor, err = r.cfg.Boundary.Freeze(ctx, nil)
	case ToCopy:
		p.Cursor, err = f.copied.Progress.Cursor, f.NoCopy
		for _, k := range f.copied.Parked {
			if laneOf(k.Key, r.cfg.Layout.Lanes) == f.Lane {
				next.Parked = append(next.Parked, k)
			}
		}
	}
	if err != nil {
		return next, err
	}
	if p.Last, err = r.cfg.Survey.Newest(ctx, p.Cursor); err != nil {
		return next, fmt.Errorf("find the newest record before the new place: %w", err)
	}
	return next, nil
}

// retire ends what the target knows of lanes that the layout doesn't have, in a layout that the log has forgotten about.
// A later change to more lanes would take that for its own first progress.
func (r *Rebase) retire(ctx context.Context) error {
	for n := r.cfg.Layout.Lanes; n < relaying.MaxLanes; n++ {
		if err := r.again(ctx, func() error { return r.retireLane(ctx, n) }); err != nil {
			return fmt.Errorf("end lane %d of a layout that is forgotten: %w", n, err)
		}
	}
	return nil
}

func (r *Rebase) retireLane(ctx context.Context, n int) error {
	identity, err := r.cfg.Log.Identify(ctx)
	if err != nil {
		return err
	}
	session, state, err := r.cfg.Target.Take(ctx, identity.Log, n)
	if err != nil {
		return err
	}
	defer session.Close()
	if state.Progress.Epoch <= r.cfg.Layout.Epoch {
		return nil
	}
	p := state.Progress
	p.Epoch, p.Closed, p.Batches = r.cfg.Layout.Epoch, true, p.Batches+1
	return session.Commit(ctx, relaying.Batch{Progress: p, Release: stale(state.Parked, nil)})
}

func (r *Rebase) lane(n int) relaying.Lane { return relaying.Lane{Number: n, Of: r.cfg.Layout.Lanes} }
