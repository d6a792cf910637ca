package applicationtest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// brokenAppender is a correct log whose AppendUnit is replaced.
type brokenAppender struct {
	*memory.Log
	unit func(ctx context.Context, log *memory.Log, records []eventlog.Record) error
}

func (a brokenAppender) AppendUnit(ctx context.Context, records []eventlog.Record) error {
	return a.unit(ctx, a.Log, records)
}

// TestAppenderCatches breaks one promise at a time.
func TestAppenderCatches(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	tests := map[string]struct {
		unit  func(ctx context.Context, log *memory.Log, records []eventlog.Record) error
		check string
		words string
	}{
		"stores nothing": {
			func(context.Context, *memory.Log, []eventlog.Record) error { return nil },
			"a unit's records are seen when it returns", "records differ",
		},
		"stores later": {
			func(ctx context.Context, log *memory.Log, records []eventlog.Record) error {
				own := slices.Clone(records)
				go func() {
					mu.Lock()
					defer mu.Unlock()
					_ = log.AppendUnit(ctx, own)
				}()
				return nil
			},
			"a unit at a taken version is a conflict", "want *domain.ConflictError",
		},
		"a record at a time":   {oneByOne, "after a conflict nothing of a unit is stored", "records differ"},
		"in order of keys":     {sortedUnit, "positions of a unit appended whole rise in the order given", "records differ"},
		"refuses nothing":      {refusesNothing, "a unit of no records has no effect", "no records"},
		"conflict unexplained": {unexplained, "a unit at a taken version is a conflict", "want *domain.ConflictError"},
		"deaf":                 {deafUnit, "a cancelled context stores nothing", "want one that is"},
		"at most a hundred":    {atMost, "a unit of a thousand events is stored", "too many"},
		"nameless error":       {namelessUnit, "a unit with invalid JSON is refused and the event named", "doesn't name event"},
		"a shared fate":        {sharedFate(), "one unit's conflict fails no other", "unit "},
		"last writer wins":     {lastWins, "of concurrent units exactly one wins each version", "units won"},
		"past a guard":         {pastGuard, "no unit is appended to a guarded aggregate", "written while it was guarded"},
		"one at a time":        {oneAtATime(), "an open transaction holds up only who meets it", "others"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := memory.NewLog()
			f := applicationtest.StoreFixture{Store: brokenAppender{log, tt.unit}, Reader: log, Streams: log}
			caught(t, applicationtest.CheckAppender(t, tt.check, f), tt.words)
		})
	}
}

func oneByOne(ctx context.Context, log *memory.Log, records []eventlog.Record) error {
	for i := range records {
		if err := log.AppendUnit(ctx, records[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

func sortedUnit(ctx context.Context, log *memory.Log, records []eventlog.Record) error {
	sorted := slices.Clone(records)
	slices.SortStableFunc(sorted, func(a, b eventlog.Record) int {
		if a.AggregateID < b.AggregateID {
			return -1
		}
		return 1
	})
	return log.AppendUnit(ctx, sorted)
}

func refusesNothing(ctx context.Context, log *memory.Log, records []eventlog.Record) error {
	if len(records) == 0 {
		return errors.New("no records")
	}
	return log.AppendUnit(ctx, records)
}

func unexplained(ctx context.Context, log *memory.Log, records []eventlog.Record) error {
	err := log.AppendUnit(ctx, records)
	if errors.Is(err, domain.ErrConflict) {
		return domain.ErrConflict
	}
	return err
}

func deafUnit(ctx context.Context, log *memory.Log, records []eventlog.Record) error {
	return log.AppendUnit(context.WithoutCancel(ctx), records)
}

func atMost(ctx context.Context, log *memory.Log, records []eventlog.Record) error {
	if len(records) > 100 {
		return errors.New("too many records")
	}
	return log.AppendUnit(ctx, records)
}

func namelessUnit(ctx context.Context, log *memory.Log, records []eventlog.Record) error {
	if log.AppendUnit(ctx, records) != nil {
		return errors.New("invalid input syntax for type json")
	}
	return nil
}

// sharedFate fails whoever comes after a conflict, as if they had been in one statement with it.
func sharedFate() func(context.Context, *memory.Log, []eventlog.Record) error {
	var mu sync.Mutex
	var fate error
	return func(ctx context.Context, log *memory.Log, records []eventlog.Record) error {
		mu.Lock()
		defer mu.Unlock()
		if fate == nil {
			fate = log.AppendUnit(ctx, records)
		}
		return fate
	}
}

func lastWins(ctx context.Context, log *memory.Log, records []eventlog.Record) error {
	if err := log.AppendUnit(ctx, records); !errors.Is(err, domain.ErrConflict) {
		return err
	}
	return nil
}

// pastGuard looks at nothing but the versions that are committed: it answers at once, whatever is guarded.
func pastGuard(ctx context.Context, log *memory.Log, records []eventlog.Record) error {
	if records[0].Version == 1 {
		return log.AppendUnit(ctx, records)
	}
	return nil
}

// oneAtATime lets everybody wait for who is held up.
func oneAtATime() func(context.Context, *memory.Log, []eventlog.Record) error {
	turn, first := make(chan struct{}, 1), make(chan struct{})
	var once sync.Once
	return func(ctx context.Context, log *memory.Log, records []eventlog.Record) error {
		if len(records) > 1 { // the one that is held up
			turn <- struct{}{}
			once.Do(func() { close(first) })
			defer func() { <-turn }()
			return log.AppendUnit(ctx, records)
		}
		<-first
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
			return log.AppendUnit(ctx, records)
		case <-time.After(50 * time.Millisecond):
			return errors.New("waits for another one's turn")
		}
	}
}
