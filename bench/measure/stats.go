package measure

import (
	"math"
	"slices"
)

// Summary is what several rounds come to.
type Summary struct {
	Median, Min, Max float64
}

// Summarize returns the median and the spread of the figures, in any order. Of an even number the median is the mean of the two
// in the middle; of none everything is 0.
func Summarize(figures []float64) Summary {
	if len(figures) == 0 {
		return Summary{}
	}
	sorted := slices.Sorted(slices.Values(figures))
	middle := len(sorted) / 2
	median := sorted[middle]
	if len(sorted)%2 == 0 {
		median = (sorted[middle-1] + median) / 2
	}
	return Summary{Median: median, Min: sorted[0], Max: sorted[len(sorted)-1]}
}

// Percentile returns the figure that p percent are at or below (nearest rank), p from 0 to 100; of no figures 0. It sorts them.
func Percentile(figures []float64, p float64) float64 {
	if len(figures) == 0 {
		return 0
	}
	slices.Sort(figures)
	rank := int(math.Ceil(p / 100 * float64(len(figures))))
	return figures[min(max(rank, 1), len(figures))-1]
}

// steadySpread is how many times the least figure the greatest may be.
const steadySpread = 1.5

// unsteady reports whether the rounds differ so much that their median says more about the machine than about the work.
func (s Summary) unsteady() bool { return s.Min > 0 && s.Max > steadySpread*s.Min }

// ratio says how many times better a median is than another; 0 where that means nothing.
func ratio(m Metric, of, against float64) float64 {
	if of <= 0 || against <= 0 {
		return 0
	}
	if m.Lower {
		return against / of
	}
	return of / against
}
