package measure

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Table is the outcome of a case: for each competitor, by name, and metric, by name, what the rounds yielded.
type Table struct {
	Case    Case
	Figures map[string]map[string][]float64
}

// Run runs the cases one after the other, each for so many rounds, and writes a line a round to progress. The order of the
// competitors alternates, so that what a round leaves behind (warm caches, a busy disk) doesn't always meet the same one. The
// first error ends it.
func Run(ctx context.Context, cases []Case, rounds int, progress io.Writer) ([]Table, error) {
	tables := make([]Table, len(cases))
	for i, c := range cases {
		t := Table{Case: c, Figures: make(map[string]map[string][]float64)}
		for _, by := range c.Competitors {
			t.Figures[by.Name] = make(map[string][]float64)
		}
		for round := range rounds {
			for _, by := range turn(c.Competitors, round) {
				if err := t.add(ctx, &by, fmt.Sprintf("%d/%d", round+1, rounds), progress); err != nil {
					return nil, fmt.Errorf("%s, %s: %w", c.Name, by.Name, err)
				}
			}
		}
		tables[i] = t
	}
	return tables, nil
}

// turn returns the order of a round: backwards every other time.
func turn(all []Competitor, round int) []Competitor {
	order := slices.Clone(all)
	if round%2 == 1 {
		slices.Reverse(order)
	}
	return order
}

func (t *Table) add(ctx context.Context, by *Competitor, round string, progress io.Writer) error {
	began := time.Now()
	values, err := t.Case.round(ctx, by)
	if err != nil {
		return err
	}
	var said []string
	for _, m := range t.Case.Metrics {
		t.Figures[by.Name][m.Name] = append(t.Figures[by.Name][m.Name], values[m.Name])
		said = append(said, number(values[m.Name])+" "+m.Unit)
	}
	_, err = fmt.Fprintf(progress, "%s  %s  %s  %s  (%.1f s)\n", round, t.Case.Name, by.Name, strings.Join(said, ", "), time.Since(began).Seconds())
	return err
}

// summary returns what a competitor's rounds come to.
func (t *Table) summary(competitor string, m Metric) Summary {
	return Summarize(t.Figures[competitor][m.Name])
}

// first returns the name of the first competitor of a role, "" if there is none.
func (t *Table) first(r Role) string {
	for _, c := range t.Case.Competitors {
		if c.Role == r {
			return c.Name
		}
	}
	return ""
}
