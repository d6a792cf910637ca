package measure

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fixed is a competitor that records the next of its figures in each round, and its name in turns.
func fixed(name string, r Role, turns *[]string, figures ...float64) Competitor {
	return Competitor{Name: name, Role: r, Round: func(_ context.Context, lap *Lap) error {
		*turns = append(*turns, name)
		lap.Record("rate", figures[0])
		figures = figures[1:]
		return nil
	}}
}

func TestRunAlternatesTheOrder(t *testing.T) {
	t.Parallel()
	var turns []string
	c := Case{Name: "c", Metrics: []Metric{{Name: "rate", Unit: "1/s"}}, Competitors: []Competitor{
		fixed("a", Ours, &turns, 1, 2, 3), fixed("b", Peer, &turns, 4, 5, 6),
	}}
	var progress bytes.Buffer
	tables, err := Run(t.Context(), []Case{c}, 3, &progress)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b", "b", "a", "a", "b"}, turns); diff != "" {
		t.Error(diff)
	}
	want := map[string]map[string][]float64{"a": {"rate": {1, 2, 3}}, "b": {"rate": {4, 5, 6}}}
	if diff := cmp.Diff(want, tables[0].Figures); diff != "" {
		t.Error(diff)
	}
	if lines := strings.Count(progress.String(), "\n"); lines != 6 || !strings.Contains(progress.String(), "2/3  c  b  5.00 1/s") {
		t.Errorf("progress of %d lines, want 6:\n%s", lines, progress.String())
	}
}

func TestRunEndsAtTheFirstError(t *testing.T) {
	t.Parallel()
	broken := errors.New("wrong answer")
	cleaned := ""
	c := Case{Name: "c", Competitors: []Competitor{{Name: "a", Round: func(_ context.Context, lap *Lap) error {
		lap.Cleanup(func() error { cleaned += "first"; return nil })
		lap.Cleanup(func() error { cleaned += "last,"; return nil })
		return broken
	}}}}
	_, err := Run(t.Context(), []Case{c}, 1, io.Discard)
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "c, a") {
		t.Errorf("error %v, want the competitor's, with its name", err)
	}
	if cleaned != "last,first" {
		t.Errorf("cleaned up %q, want the last first", cleaned)
	}
}

func TestRunRefusesARoundWithoutItsFigures(t *testing.T) {
	t.Parallel()
	c := Case{Name: "c", Metrics: []Metric{{Name: "rate"}}, Competitors: []Competitor{
		{Name: "a", Round: func(context.Context, *Lap) error { return nil }},
	}}
	if _, err := Run(t.Context(), []Case{c}, 1, io.Discard); err == nil || !strings.Contains(err.Error(), "rate") {
		t.Errorf("error %v, want one that names the metric", err)
	}
}

func TestRunReportsWhatCleaningUpMeets(t *testing.T) {
	t.Parallel()
	left := errors.New("still there")
	c := Case{Name: "c", Competitors: []Competitor{{Name: "a", Round: func(_ context.Context, lap *Lap) error {
		lap.Cleanup(func() error { return left })
		return nil
	}}}}
	if _, err := Run(t.Context(), []Case{c}, 1, io.Discard); !errors.Is(err, left) {
		t.Errorf("error %v, want the cleanup's", err)
	}
}
