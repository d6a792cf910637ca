package reading

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
)

// Models are the read models of a program, whether they are fed in this process or in another one. Safe for concurrent use.
type Models struct {
	progress Progress
	poll     time.Duration // longest

	mu     sync.Mutex
	models map[string]*model
}

// NewModels returns an empty set.
func NewModels(p Progress) *Models {
	return &Models{progress: p, poll: longPoll, models: make(map[string]*model)}
}

// Add makes a version of a projection known under its name, beside its other versions and in place of what was known of this one.
func (m *Models) Add(p projection.Projection) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := newModel(p, m.progress, m.poll)
	if before := m.models[p.Name]; before != nil {
		for number, other := range before.versions {
			if number != p.Version {
				found.versions[number] = other
			}
		}
	}
	m.models[p.Name] = found
}

// Check returns why nobody can wait for the read model: it isn't known, or it can't tell how far it is ([ErrCantWait]).
func (m *Models) Check(name string) error {
	_, err := m.model(name)
	return err
}

// Signal returns what the process that feeds the projection raises after each batch that it has applied or parked: waiting reads
// of this process look at once. nil when the projection isn't known.
func (m *Models) Signal(name string) *eventlog.Signal {
	found, err := m.model(name)
	if found == nil {
		_ = err // a projection that nobody can wait for needs no signal
		return nil
	}
	return &found.applied
}

func (m *Models) model(name string) (*model, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	found := m.models[name]
	switch {
	case found == nil:
		return nil, fmt.Errorf("no projection is named %q", name)
	case !found.tellsVersions():
		return nil, fmt.Errorf("projection %s: %w: let it take repeats once (projection.Once), or give it Reached", name, ErrCantWait)
	}
	return found, nil
}

// Await returns when the read model has what the token names, for as long as patience lasts; none or less looks once. parked says
// that some of it is parked: it will be there only after somebody has replayed it. The error is a *[BehindError] when patience was
// over, ctx's when that ended, or the database's.
func (m *Models) Await(ctx context.Context, name string, t Token, patience time.Duration) (parked bool, err error) {
	found, err := m.model(name)
	if err != nil {
		return false, err
	}
	if t.IsZero() {
		return false, nil
	}
	return found.await(ctx, t, patience)
}
