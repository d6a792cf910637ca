package applicationtest_test

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// tally is an aggregate with state in a map.
type tally struct {
	domain.Root
	total int
	by    map[string]int
}

type counted struct{ Who string }

func (t *tally) Apply(e domain.Event) {
	if c, ok := e.(counted); ok {
		if t.by == nil {
			t.by = make(map[string]int)
		}
		t.total++
		t.by[c.Who]++
	}
}

func (t *tally) count() { domain.Record(t, counted{Who: "Zoë"}) }

func newTally() *tally {
	t := new(tally)
	domain.Begin(t, uuid.NewString())
	t.count()
	return t
}

func deep(t tally) tally {
	t.by = maps.Clone(t.by)
	return t
}

func shallow(t tally) tally { return t }

func forgetful(t tally) tally {
	t.total = 1
	return deep(t)
}

// brokenRepository is a correct repository of which some functions are replaced.
type brokenRepository struct {
	application.Repository[*tally]
	load func(ctx context.Context, tx eventlog.Tx, id string) (*tally, error)
	save func(ctx context.Context, tx eventlog.Tx, changed []*tally) error
}

func (r brokenRepository) Load(ctx context.Context, tx eventlog.Tx, id string) (*tally, error) {
	if r.load != nil {
		return r.load(ctx, tx, id)
	}
	return r.Repository.Load(ctx, tx, id)
}

func (r brokenRepository) Save(ctx context.Context, tx eventlog.Tx, changed []*tally) error {
	if r.save != nil {
		return r.save(ctx, tx, changed)
	}
	return r.Repository.Save(ctx, tx, changed)
}

func TestRepositoryCatches(t *testing.T) {
	t.Parallel()
	whole := func(r application.Repository[*tally]) application.Repository[*tally] { return r }
	tests := map[string]struct {
		copied func(tally) tally
		wrap   func(application.Repository[*tally]) application.Repository[*tally]
		check  string
		words  string
	}{
		"state shared":        {shallow, whole, "loaded aggregates share no state", "changed the other"},
		"a field forgotten":   {forgetful, whole, "a changed aggregate comes back as it was", "state differs"},
		"loads outside":       {deep, loadOutside, "a transaction loads what it wrote", "load"},
		"nothing for nothing": {deep, emptyForUnknown, "an unknown aggregate is not found", "want *domain.NotFoundError"},
		"nameless error":      {deep, nameless, "an unknown aggregate is not found", "want {Type:tally"},
		"saves the first":     {deep, saveFirst, "several aggregates are saved in one call", "not found"},
		"refuses none":        {deep, saveFirst, "saving none has no effect", "no aggregates"},
		"saves at once":       {deep, nil, "what is rolled back was never there", "rolled back"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := memory.NewLog()
			var repo application.Repository[*tally] = memory.NewRepository[tally](log, "tally", tt.copied)
			if tt.wrap == nil {
				repo = saveAtOnce(log, repo)
			} else {
				repo = tt.wrap(repo)
			}
			types := new(codec.Types)
			codec.Register[counted](types, "tally.counted", 1)
			caught(t, applicationtest.CheckRepository(t, tt.check, applicationtest.RepositoryFixture[*tally]{
				Store: log, Repository: repo, AggregateType: "tally", Types: types,
				New: newTally, Change: (*tally).count, Unknown: uuid.NewString(),
			}), tt.words)
		})
	}
}

func loadOutside(r application.Repository[*tally]) application.Repository[*tally] {
	return brokenRepository{Repository: r, load: func(ctx context.Context, _ eventlog.Tx, id string) (*tally, error) {
		return r.Load(ctx, nil, id)
	}}
}

func emptyForUnknown(r application.Repository[*tally]) application.Repository[*tally] {
	return brokenRepository{Repository: r, load: func(ctx context.Context, tx eventlog.Tx, id string) (*tally, error) {
		a, err := r.Load(ctx, tx, id)
		if errors.Is(err, domain.ErrNotFound) {
			return new(tally), nil
		}
		return a, err
	}}
}

func nameless(r application.Repository[*tally]) application.Repository[*tally] {
	return brokenRepository{Repository: r, load: func(ctx context.Context, tx eventlog.Tx, id string) (*tally, error) {
		a, err := r.Load(ctx, tx, id)
		if err != nil {
			err = &domain.NotFoundError{}
		}
		return a, err
	}}
}

func saveFirst(r application.Repository[*tally]) application.Repository[*tally] {
	return brokenRepository{Repository: r, save: func(ctx context.Context, tx eventlog.Tx, changed []*tally) error {
		if len(changed) == 0 {
			return errors.New("no aggregates")
		}
		return r.Save(ctx, tx, changed[:1])
	}}
}

func saveAtOnce(log *memory.Log, r application.Repository[*tally]) application.Repository[*tally] {
	return brokenRepository{Repository: r, save: func(ctx context.Context, _ eventlog.Tx, changed []*tally) error {
		tx, err := log.Begin(ctx)
		if err != nil {
			return err
		}
		return errors.Join(r.Save(ctx, tx, changed), tx.Commit(ctx))
	}}
}
