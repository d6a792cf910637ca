package projection

import (
	"context"
	"errors"
	"sync"

	"github.com/tenon-go/tenon/application/deadletter"
)

// errReleased says that a sequence which was thought to be parked isn't any more: its events are to be looked at anew.
var errReleased = errors.New("a parked sequence has been replayed")

// parkedSet is what an owner of a partition knows to be parked. It may hold too much, never too little: it was read after
// the checkpoint, and whoever parked something since then has moved the checkpoint too.
type parkedSet struct {
	mu   sync.Mutex
	keys map[deadletter.Key]struct{}
}

func (s *parkedSet) has(k deadletter.Key) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.keys[k]
	return ok
}

func (s *parkedSet) add(keys ...deadletter.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range keys {
		s.keys[k] = struct{}{}
	}
}

func (s *parkedSet) drop(k deadletter.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys, k)
}

func (r *Runner) place(p Partition) deadletter.Place {
	return deadletter.Place{Projection: r.cfg.Projection.Name, Version: r.cfg.Projection.Version, Topic: p.Topic, Partition: p.Number}
}

// load reads what is parked on a partition. The checkpoint that the caller goes on from must have been read before.
func (r *Runner) load(ctx context.Context, p Partition) (*parkedSet, error) {
	keys, err := r.cfg.Parking.Sequences(ctx, r.place(p))
	if err != nil {
		return nil, err
	}
	set := &parkedSet{keys: make(map[deadletter.Key]struct{}, len(keys))}
	set.add(keys...)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sets[p] = set
	return set, nil
}

// set returns what is known to be parked on a partition, and asks when nothing is known.
func (r *Runner) set(ctx context.Context, p Partition) (set *parkedSet, err error) {
	r.mu.Lock()
	set = r.sets[p]
	r.mu.Unlock()
	if set != nil {
		return set, nil
	}
	err = r.try(ctx, p, 0, func() (err error) {
		set, err = r.load(ctx, p)
		return outage(err)
	})
	return set, err
}
