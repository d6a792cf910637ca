package applicationtest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
)

// race is an owner that parks an aggregate's events, or applies them when the sequence has gone, and replays beside it.
type race struct {
	f   DeadLettersFixture
	key deadletter.Key

	mu      sync.Mutex
	applied []int64
}

// parkAndReplay applies what an owner and two replays commit, in the order of their commits, which the sequence's lock makes.
func parkAndReplay(ctx context.Context, f DeadLettersFixture) error {
	r := &race{f: f, key: parkedKey("a")}
	const events = 60
	owned := make(chan struct{})
	if err := park(ctx, f, parked("a", 0)); err != nil {
		return err
	}
	err := together(3, func(i int) error {
		if i == 0 {
			defer close(owned)
			return r.own(ctx, events)
		}
		return r.replays(ctx, owned)
	})
	if err != nil {
		return err
	}
	for i, offset := range r.applied {
		if offset != int64(i) {
			return fmt.Errorf("applied %v, want each once and in order", r.applied)
		}
	}
	if len(r.applied) != events {
		return fmt.Errorf("applied %d of %d", len(r.applied), events)
	}
	return nil
}

// own handles events: behind what is parked they are parked, else applied. Every third begins a sequence.
func (r *race) own(ctx context.Context, events int64) error {
	for offset := int64(1); offset < events; {
		err := unit(ctx, r.f.Store, func(tx eventlog.Tx) error {
			there, err := r.f.Letters.Hold(ctx, tx, []deadletter.Key{r.key})
			if err != nil {
				return err
			}
			if len(there) > 0 || offset%3 == 0 {
				return r.f.Letters.Park(ctx, tx, []deadletter.Event{parked("a", offset)})
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			r.applied = append(r.applied, offset)
			return nil
		})
		switch {
		case errors.Is(err, eventlog.ErrTransient):
		case err != nil:
			return err
		default:
			offset++
		}
	}
	return nil
}

// replays goes on until the owner has ended and nothing is parked.
func (r *race) replays(ctx context.Context, owned <-chan struct{}) error {
	for {
		last := false
		select {
		case <-owned:
			last = true
		default:
		}
		err := r.replay(ctx)
		switch {
		case errors.Is(err, deadletter.ErrNotParked) && last:
			return nil
		case err != nil && !errors.Is(err, deadletter.ErrNotParked) && !errors.Is(err, eventlog.ErrTransient):
			return err
		}
	}
}

func (r *race) replay(ctx context.Context) error {
	return unit(ctx, r.f.Store, func(tx eventlog.Tx) error {
		taken, err := r.f.Letters.Take(ctx, tx, r.key, 0, 2)
		if err != nil {
			return err
		}
		var ids []int64
		for i := range taken {
			ids = append(ids, taken[i].ID)
		}
		if err := r.f.Letters.Done(ctx, tx, r.key, ids, deadletter.Decision{By: "anna"}); err != nil {
			return err
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for i := range taken {
			r.applied = append(r.applied, taken[i].Offset)
		}
		return nil
	})
}
