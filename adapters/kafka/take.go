package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/relaying"
)

// Take fences whoever had the lane, by taking all of its transactional ids: each waits for a transaction that was already
// decided and aborts an open one. Only then it reads the lane's progress, so that nothing can be added behind its back.
func (l *Lanes) Take(ctx context.Context, log uuid.UUID, lane int) (relaying.Session, relaying.State, error) {
	if lane < 0 || lane >= relaying.MaxLanes {
		return nil, relaying.State{}, fmt.Errorf("take lane %d: want 0 to %d", lane, relaying.MaxLanes-1)
	}
	if log == (uuid.UUID{}) {
		return nil, relaying.State{}, fmt.Errorf("take lane %d: the log's identity is zero", lane)
	}
	limited, cancel := context.WithTimeout(ctx, l.lanes.TakeTimeout)
	defer cancel()
	s, state, err := l.take(limited, log, lane)
	if err != nil {
		return nil, relaying.State{}, fmt.Errorf("take lane %d: %w", lane, laneError(ctx, err))
	}
	l.cfg.Logger.Debug("kafka lane taken", "log", log, "lane", lane, "batches", state.Progress.Batches, "parked", len(state.Parked))
	return s, state, nil
}

var _ relaying.Viewer = (*Lanes)(nil)

// View implements relaying.Viewer. A transaction that is under way is waited for.
func (l *Lanes) View(ctx context.Context, log uuid.UUID, lane int) (relaying.State, error) {
	limited, cancel := context.WithTimeout(ctx, l.lanes.TakeTimeout)
	defer cancel()
	if err := l.checkCursors(limited); err != nil {
		return relaying.State{}, fmt.Errorf("view lane %d: %w", lane, laneError(ctx, err))
	}
	state, err := l.readState(limited, log, lane, nil)
	if err != nil {
		return relaying.State{}, fmt.Errorf("view lane %d: %w", lane, laneError(ctx, err))
	}
	return state, nil
}

func (l *Lanes) take(ctx context.Context, log uuid.UUID, lane int) (*session, relaying.State, error) {
	if err := l.checkCursors(ctx); err != nil {
		return nil, relaying.State{}, err
	}
	s, state, err := l.takeOnce(ctx, log, lane)
	if errors.Is(err, errMended) {
		s, state, err = l.takeOnce(ctx, log, lane)
	}
	return s, state, err
}

func (l *Lanes) takeOnce(ctx context.Context, log uuid.UUID, lane int) (*session, relaying.State, error) {
	s, err := l.open(log, lane)
	if err != nil {
		return nil, relaying.State{}, err
	}
	state, err := l.fenceAndRead(ctx, s)
	if err != nil {
		s.end(err)
		return nil, relaying.State{}, err
	}
	for _, p := range state.Parked {
		s.parked[p.Key] = true
	}
	return s, state, nil
}

func (l *Lanes) fenceAndRead(ctx context.Context, s *session) (relaying.State, error) {
	if err := l.noteDecisions(ctx, s); err != nil {
		return relaying.State{}, err
	}
	if err := fence(ctx, s.clients); err != nil {
		return relaying.State{}, err
	}
	return l.readState(ctx, s.log, s.lane, func(ctx context.Context) error { return l.mendCursor(ctx, s) })
}

// readState calls undecided, if there is one, when something in the lane's partition is not decided yet.
func (l *Lanes) readState(ctx context.Context, log uuid.UUID, lane int, undecided func(context.Context) error) (relaying.State, error) {
	r := &cursorReader{
		cl: l.admin.cl, topic: l.lanes.CursorTopic, partition: int32(lane), log: log, lane: lane, undecided: undecided, //nolint:gosec // below MaxLanes
	}
	if err := r.settle(ctx); err != nil {
		return relaying.State{}, err
	}
	return r.state(ctx)
}

// fence takes the producer ids, all at once.
func fence(ctx context.Context, clients []*kgo.Client) error {
	errs := make(chan error, len(clients))
	for n, cl := range clients {
		go func() { // ends with ctx at the latest, which ProducerID obeys
			_, _, err := cl.ProducerID(ctx)
			if err != nil {
				err = fmt.Errorf("take transactional id %d: %w", n, err)
			}
			errs <- err
		}()
	}
	var all []error
	for range clients {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}
