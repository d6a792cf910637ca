package lanes

import (
	"context"
	"errors"
	"fmt"

	"github.com/tenon-go/tenon/application/relaying"
)

// maxCounted is where counting a lane's records stops.
const maxCounted = 100_000

// LaneFinding is what is wrong with a lane, and what each destination would do with it.
type LaneFinding struct {
	Lane     int
	Progress relaying.Progress // what the target knows; zero for nothing

	Problem error // why a relay refuses to go on; nil: it doesn't
	NoCopy  error // why ToCopy can't mend it; nil: it can

	All relaying.Lag // the records that ToStart would publish
	// Since are the records after the best place that is known: that of the target if nothing is wrong, else the copy's, else
	// the beginning. ToNow passes over them; ToCopy publishes them. Some may be published already.
	Since relaying.Lag

	copied relaying.State
}

// Look compares each lane with the log, as a relay does that begins. It changes nothing and disturbs nobody: a relay that
// runs may be further than what is told. An error that wraps [relaying.ErrLogChanged] says that no lane can go on
// anywhere in a log like this.
func (r *Rebase) Look(ctx context.Context) ([]LaneFinding, error) {
	if err := r.cfg.Log.Verify(ctx, relaying.Progress{}); err != nil {
		return nil, fmt.Errorf("look at the log: %w", err)
	}
	found := make([]LaneFinding, r.cfg.Layout.Lanes)
	for n := range found {
		err := r.again(ctx, func() (err error) { found[n], err = r.look(ctx, n); return err })
		if err != nil {
			return nil, fmt.Errorf("look at lane %d: %w", n, err)
		}
	}
	return found, nil
}

func (r *Rebase) look(ctx context.Context, n int) (LaneFinding, error) {
	identity, err := r.cfg.Log.Identify(ctx)
	if err != nil {
		return LaneFinding{}, err
	}
	state, err := r.cfg.View.View(ctx, identity.Log, n)
	if err != nil {
		return LaneFinding{}, err
	}
	f, err := r.examine(ctx, identity, n, &state)
	if err != nil {
		return LaneFinding{}, err
	}
	if f.All, err = r.cfg.Survey.Left(ctx, r.lane(n), "", maxCounted); err != nil {
		return LaneFinding{}, err
	}
	since := state.Progress.Cursor
	switch {
	case f.Problem == nil && state.IsNew():
		since, err = r.cfg.Board.Origin(ctx, n)
	case f.Problem != nil && f.NoCopy == nil:
		since = f.copied.Progress.Cursor
	case f.Problem != nil:
		since = ""
	}
	if err != nil {
		return LaneFinding{}, err
	}
	f.Since, err = r.cfg.Survey.Left(ctx, r.lane(n), since, maxCounted)
	return f, err
}

// examine finds out what is wrong with a lane and its copy. The error is about looking, not about what was seen.
func (r *Rebase) examine(ctx context.Context, identity relaying.Identity, n int, s *relaying.State) (LaneFinding, error) {
	f := LaneFinding{Lane: n, Progress: s.Progress}
	var err error
	if f.Problem, err = found(r.problem(ctx, n, s)); err != nil {
		return f, err
	}
	if f.copied, err = r.cfg.Copies.Load(ctx, identity.Log, n); err != nil {
		return f, fmt.Errorf("read the copy of the progress: %w", err)
	}
	f.NoCopy, err = found(r.unfit(ctx, f.copied.Progress))
	return f, err
}

// found tells what was seen from what kept from seeing.
func found(err error) (seen, failed error) {
	if errors.Is(err, relaying.ErrLogChanged) || errors.Is(err, relaying.ErrProgressLost) {
		return err, nil
	}
	return nil, err
}

// problem returns why a relay refuses the lane.
func (r *Rebase) problem(ctx context.Context, n int, s *relaying.State) error {
	p, epoch := s.Progress, r.cfg.Layout.Epoch
	switch {
	case s.IsNew():
		_, err := r.cfg.Board.Origin(ctx, n)
		return err
	case p.Epoch > epoch:
		return fmt.Errorf("%w: the target knows the lane in layout %d, the log is in layout %d", relaying.ErrLogChanged, p.Epoch, epoch)
	case p.Epoch < epoch:
		return fmt.Errorf("%w: the target knows the lane in layout %d, %d is in force", relaying.ErrProgressLost, p.Epoch, epoch)
	case p.Closed:
		return fmt.Errorf("%w: the target has ended layout %d, which is in force in the log", relaying.ErrLogChanged, epoch)
	}
	return r.cfg.Log.Verify(ctx, p)
}

// unfit returns why no lane can go on at the copy.
func (r *Rebase) unfit(ctx context.Context, p relaying.Progress) error {
	switch epoch := r.cfg.Layout.Epoch; {
	case p.Batches == 0:
		return fmt.Errorf("%w: there is no copy of it", relaying.ErrProgressLost)
	case p.Epoch != epoch || p.Lane.Of != r.cfg.Layout.Lanes || p.Closed:
		return fmt.Errorf("%w: the copy is of layout %d with %d lanes, layout %d with %d is in force",
			relaying.ErrProgressLost, p.Epoch, p.Lane.Of, epoch, r.cfg.Layout.Lanes)
	}
	return r.cfg.Log.Verify(ctx, p)
}
