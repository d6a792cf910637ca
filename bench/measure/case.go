// Package measure runs competitors side by side: a [Case] is one piece of work, its [Competitor]s are ways to do it. [Run] lets
// them take turns for several rounds and returns a [Table] a case; [Report.Write] writes all tables as Markdown.
//
// What is measured isn't here: see package cases.
package measure

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// Role says what a competitor is compared as.
type Role string

// The roles. A ratio to the peer or to the limit is above 1 where the competitor does better than it.
const (
	Ours  Role = "ours"  // Tenon
	Peer  Role = "peer"  // what a team would use or write instead; the first one is what ratios refer to
	Limit Role = "limit" // the same work with nothing around it, or the smallest size
)

// Metric is what a round yields, once for each competitor.
type Metric struct {
	Name  string // "rate"
	Unit  string // "events/s"
	Lower bool   // less is better
	Exact bool   // zero is possible: no ratio is drawn
}

// Competitor is one way to do a case's work.
type Competitor struct {
	Name string
	Role Role
	Note string // what a reader must know to judge the figures; empty: nothing

	// Round does the work once: it sets up, measures, checks its own result, and records each metric of the case on the lap.
	// The error fails the whole run: a fast wrong answer is no answer.
	Round func(ctx context.Context, lap *Lap) error
}

// Goal is a figure to reach: by the ratio of medians to Against if that is set, else by the median itself, from AtLeast or up to AtMost.
type Goal struct {
	Metric  string
	Of      string // competitor
	Against string // competitor
	AtLeast float64
	AtMost  float64
	Unmet   string // what limits it now, written while the goal isn't met; one sentence or two
}

// Case is one piece of work.
type Case struct {
	Name        string // "relay"; names are unique
	About       string // what is done, and how it is counted
	Metrics     []Metric
	Competitors []Competitor
	Goals       []Goal
}

// Lap is one round of one competitor. Record and Values are safe for concurrent use, Cleanup isn't.
type Lap struct {
	mu       sync.Mutex
	values   map[string]float64
	cleanups []func() error
}

// Record notes a metric of the case.
func (l *Lap) Record(metric string, value float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.values == nil {
		l.values = make(map[string]float64)
	}
	l.values[metric] = value
}

// Values returns what was recorded, by metric.
func (l *Lap) Values() map[string]float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.values)
}

// Cleanup adds what to do after the round, the last one first, whether it succeeded or not.
func (l *Lap) Cleanup(f func() error) { l.cleanups = append(l.cleanups, f) }

// round runs a competitor once and returns what it recorded.
func (c *Case) round(ctx context.Context, by *Competitor) (_ map[string]float64, err error) {
	lap := new(Lap)
	defer func() {
		for _, f := range slices.Backward(lap.cleanups) {
			err = errors.Join(err, f())
		}
	}()
	if err := by.Round(ctx, lap); err != nil {
		return nil, err
	}
	values := lap.Values()
	for _, m := range c.Metrics {
		if v, ok := values[m.Name]; !ok || v < 0 || v == 0 && !m.Exact {
			return nil, fmt.Errorf("metric %s is %v, want a figure above 0", m.Name, v)
		}
	}
	return values, nil
}
