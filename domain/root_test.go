package domain_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/domain"
)

type (
	raised  struct{ By int }
	unheard struct{}
)

// counter is the smallest aggregate.
type counter struct {
	domain.Root
	value int
}

func (c *counter) Apply(e domain.Event) {
	if e, ok := e.(raised); ok {
		c.value += e.By
	}
}

func begun() *counter {
	c := new(counter)
	domain.Begin(c, "c-1")
	return c
}

// expect compares all that can be asked of a counter.
func expect(t *testing.T, c *counter, value int, stored, version domain.Version, recorded ...domain.Event) {
	t.Helper()
	if c.value != value || domain.Stored(c) != stored || c.Version() != version {
		t.Errorf("value %d, stored %d, version %d; want %d, %d, %d", c.value, domain.Stored(c), c.Version(), value, stored, version)
	}
	if diff := cmp.Diff(recorded, domain.Recorded(c)); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
}

func TestNewAggregateHasNoEvents(t *testing.T) {
	t.Parallel()
	expect(t, new(counter), 0, 0, 0)
	if got := domain.IDOf(new(counter)); got != "" {
		t.Errorf("id is %q before Begin", got)
	}
}

func TestBeginGivesTheID(t *testing.T) {
	t.Parallel()
	c := begun()
	if c.ID() != "c-1" || domain.IDOf(c) != "c-1" {
		t.Errorf("ids are %q and %q", c.ID(), domain.IDOf(c))
	}
}

func TestRecordFoldsAndCounts(t *testing.T) {
	t.Parallel()
	c := begun()
	domain.Record(c, raised{2})
	domain.Record(c, raised{3})
	expect(t, c, 5, 0, 2, raised{2}, raised{3})
}

func TestCommittedForgetsWhatWasRecorded(t *testing.T) {
	t.Parallel()
	c := begun()
	domain.Record(c, raised{2})
	domain.Committed(c)
	expect(t, c, 2, 1, 1)
	domain.Record(c, raised{3})
	expect(t, c, 5, 1, 2, raised{3})
}

func TestReplayCountsEveryEvent(t *testing.T) {
	t.Parallel()
	c := begun()
	domain.Replay(c, raised{1}, unheard{}, raised{1})
	expect(t, c, 2, 3, 3)
	domain.Replay(c)
	expect(t, c, 2, 3, 3)
	domain.Replay(c, raised{5})
	expect(t, c, 7, 4, 4)
}

func TestRestoreSetsTheVersion(t *testing.T) {
	t.Parallel()
	c := &counter{value: 9}
	domain.Restore(c, "c-2", 41)
	domain.Record(c, raised{1})
	expect(t, c, 10, 41, 42, raised{1})
}

func TestMistakesPanic(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		mistake func()
		says    string
	}{
		"begin without id":          {func() { domain.Begin(new(counter), "") }, "non-empty id"},
		"begin twice":               {func() { domain.Begin(begun(), "c-2") }, `have id "c-1"`},
		"restore one with id":       {func() { domain.Restore(begun(), "c-2", 1) }, `have id "c-1"`},
		"record before begin":       {func() { domain.Record(new(counter), raised{1}) }, "aggregate with an id"},
		"record nil":                {func() { domain.Record(begun(), nil) }, "and an event"},
		"replay before begin":       {func() { domain.Replay(new(counter), raised{1}) }, "aggregate with an id"},
		"replay on recorded events": {func() { c := begun(); domain.Record(c, raised{1}); domain.Replay(c, raised{1}) }, "have 1 events"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if said, _ := recover().(string); !strings.Contains(said, tt.says) {
					t.Errorf("panics with %q, want %q", said, tt.says)
				}
			}()
			tt.mistake()
		})
	}
}
