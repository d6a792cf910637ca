package measure

import (
	"slices"
	"testing"
)

func TestSummarize(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		figures []float64
		want    Summary
	}{
		{"none", nil, Summary{}},
		{"one", []float64{3}, Summary{3, 3, 3}},
		{"odd, not sorted", []float64{9, 1, 4}, Summary{4, 1, 9}},
		{"even: between the two in the middle", []float64{8, 1, 2, 4}, Summary{3, 1, 8}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			given := slices.Clone(c.figures)
			if got := Summarize(c.figures); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if !slices.Equal(given, c.figures) {
				t.Errorf("the figures were changed to %v", c.figures)
			}
		})
	}
}

func TestSummaryIsUnsteadyWhenRoundsDifferByMoreThanHalf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		s    Summary
		want bool
	}{{Summary{12, 10, 15}, false}, {Summary{12, 10, 15.1}, true}, {Summary{5, 5, 5}, false}, {Summary{}, false}} {
		if got := c.s.unsteady(); got != c.want {
			t.Errorf("%v unsteady: %v, want %v", c.s, got, c.want)
		}
	}
}

func TestPercentileIsTheNearestRank(t *testing.T) {
	t.Parallel()
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(100 - i)
	}
	for _, c := range []struct {
		figures []float64
		p, want float64
	}{
		{nil, 50, 0},
		{[]float64{7}, 99, 7},
		{[]float64{4, 1, 3, 2}, 50, 2},
		{hundred, 50, 50},
		{hundred, 99, 99},
		{hundred, 100, 100},
		{hundred, 0, 1},
	} {
		if got := Percentile(slices.Clone(c.figures), c.p); got != c.want {
			t.Errorf("percentile %v of %d figures: %v, want %v", c.p, len(c.figures), got, c.want)
		}
	}
}

func TestRatioIsAboveOneWhereItIsBetter(t *testing.T) {
	t.Parallel()
	if got := ratio(Metric{}, 30, 10); got != 3 {
		t.Errorf("three times the rate: %v, want 3", got)
	}
	if got := ratio(Metric{Lower: true}, 10, 30); got != 3 {
		t.Errorf("a third of the time: %v, want 3", got)
	}
	if got := ratio(Metric{}, 1, 0); got != 0 {
		t.Errorf("against nothing: %v, want 0", got)
	}
}
