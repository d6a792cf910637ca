package reading

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/domain"
)

// How often the database is asked while somebody waits, by one of those who wait for all of them: the projection may be fed by
// another process, which raises no signal here.
const (
	firstPoll  = 5 * time.Millisecond
	longPoll   = 50 * time.Millisecond
	shownLacks = 3
)

// model is a read model and who waits for it.
type model struct {
	name     string
	versions map[int]projection.Projection // that the program has, one at least
	progress Progress
	poll     time.Duration
	applied  eventlog.Signal
	turn     chan struct{} // holds a token while somebody asks for all
	joined   chan struct{} // holds a token when somebody new waits

	mu      sync.Mutex
	seen    int // the one of the versions that readers saw when it was looked last
	waiters map[*waiter]struct{}
}

// waiter is somebody who waits. What changes is guarded by the model's mutex until done is closed.
type waiter struct {
	lacks  map[eventlog.Head]domain.Version // what isn't there yet, and how far its aggregate is
	parked bool
	done   chan struct{} // closed when nothing is lacking
}

func newModel(p projection.Projection, progress Progress, poll time.Duration) *model {
	return &model{
		name: p.Name, versions: map[int]projection.Projection{p.Version: p}, seen: p.Version, progress: progress, poll: poll,
		turn: make(chan struct{}, 1), joined: make(chan struct{}, 1), waiters: make(map[*waiter]struct{}),
	}
}

func (m *model) await(ctx context.Context, t Token, patience time.Duration) (bool, error) {
	w := &waiter{lacks: make(map[eventlog.Head]domain.Version, len(t.heads)), done: make(chan struct{})}
	for _, h := range t.heads {
		w.lacks[h] = 0
	}
	if err := m.look(ctx, []*waiter{w}); err != nil {
		return false, err
	}
	if w.isDone() {
		return w.parked, nil
	}
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	m.join(w)
	defer m.leave(w)
	for {
		select {
		case <-w.done:
			return w.parked, nil
		case <-bounded.Done():
			if err := ctx.Err(); err != nil {
				return false, err
			}
			return false, m.behind(w)
		case m.turn <- struct{}{}:
			err := m.lead(bounded, w)
			<-m.turn
			if err != nil && bounded.Err() == nil {
				return false, err
			}
		}
	}
}

func (w *waiter) isDone() bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

// join comes after a first look; what was applied in between is found by the look that follows the token in joined.
func (m *model) join(w *waiter) {
	m.mu.Lock()
	m.waiters[w] = struct{}{}
	m.mu.Unlock()
	select {
	case m.joined <- struct{}{}:
	default:
	}
}

func (m *model) leave(w *waiter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.waiters, w)
}

// lead asks for all who wait until w has what it waits for.
func (m *model) lead(ctx context.Context, w *waiter) error {
	for pause := max(firstPoll, m.poll/10); !w.isDone(); pause = min(2*pause, m.poll) {
		applied := m.applied.Wait()
		if err := m.look(ctx, m.all()); err != nil {
			return err
		}
		if w.isDone() {
			return nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-applied:
		case <-m.joined:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		timer.Stop()
	}
	return nil
}

func (m *model) all() []*waiter {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]*waiter, 0, len(m.waiters))
	for w := range m.waiters {
		all = append(all, w)
	}
	return all
}

// behind says what w lacks.
func (m *model) behind(w *waiter) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := &BehindError{Projection: m.name}
	for h, reached := range w.lacks {
		if len(e.Lacks) == shownLacks {
			e.More = len(w.lacks) - shownLacks
			break
		}
		e.Lacks = append(e.Lacks, Lack{Type: h.Type, ID: h.ID, Version: h.Version, Reached: reached})
	}
	return e
}

// look asks how far the projection is and takes off what it has reached.
func (m *model) look(ctx context.Context, waiters []*waiter) error {
	heads := m.lacking(waiters)
	if len(heads) == 0 {
		return nil
	}
	found, err := m.ask(ctx, heads)
	if err != nil {
		return fmt.Errorf("look how far read model %s is: %w", m.name, err)
	}
	at := make(map[eventlog.Head]Outstanding, len(heads))
	for i, h := range heads {
		at[h] = found[i]
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range waiters {
		w.take(at)
	}
	return nil
}

// ask returns how far the version is with the heads that readers see, or that the program has where it hasn't got that one.
func (m *model) ask(ctx context.Context, heads []eventlog.Head) ([]Outstanding, error) {
	m.mu.Lock()
	p := m.versions[m.seen]
	m.mu.Unlock()
	for {
		found, err := m.progress.Outstanding(ctx, &p, heads)
		if err != nil {
			return nil, err
		}
		other, ok := m.versions[found[0].Version]
		if ok && other.Version != p.Version { // readers see another one by now, which may handle other types
			p = other
			m.mu.Lock()
			m.seen = p.Version
			m.mu.Unlock()
			continue
		}
		if p.Reached != nil {
			err = m.reached(ctx, &p, heads, found)
		}
		return found, err
	}
}

func (m *model) tellsVersions() bool {
	for _, p := range m.versions {
		if p.Repeats != projection.Once && p.Reached == nil {
			return false
		}
	}
	return true
}

// lacking returns what the waiters lack, each once.
func (m *model) lacking(waiters []*waiter) []eventlog.Head {
	m.mu.Lock()
	defer m.mu.Unlock()
	var heads []eventlog.Head
	seen := make(map[eventlog.Head]bool)
	for _, w := range waiters {
		for h := range w.lacks {
			if !seen[h] {
				seen[h] = true
				heads = append(heads, h)
			}
		}
	}
	return heads
}

// reached asks the projection's own rows, for aggregates only of which it has events: others may have ids that its tables can't
// even compare.
func (m *model) reached(ctx context.Context, p *projection.Projection, heads []eventlog.Head, found []Outstanding) error {
	var asked []int
	var ids []string
	for i, f := range found {
		if f.Needed > 0 {
			asked, ids = append(asked, i), append(ids, heads[i].ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	versions, err := p.Reached(ctx, m.progress.Reading(), ids)
	if err != nil {
		return err
	}
	for _, i := range asked {
		found[i].Applied = versions[heads[i].ID]
	}
	return nil
}

// take notes what was found of what w lacks.
func (w *waiter) take(at map[eventlog.Head]Outstanding) {
	before := len(w.lacks)
	for h := range w.lacks {
		o, asked := at[h]
		switch {
		case !asked:
		case o.Applied >= o.Needed:
			delete(w.lacks, h)
		case o.Parked:
			w.parked = true
			delete(w.lacks, h)
		default:
			w.lacks[h] = o.Applied
		}
	}
	if before > 0 && len(w.lacks) == 0 {
		close(w.done)
	}
}
