package cases

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/bench/measure"
	"github.com/tenon-go/tenon/bench/rig"
)

// TestEveryCompetitorDoesItsWork runs each competitor twice at a tiny size: a second round must begin as the first did. Rounds
// check their own results.
func TestEveryCompetitorDoesItsWork(t *testing.T) {
	t.Parallel()
	r, err := rig.Start(t.Context(), rig.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Stop(); err != nil {
			t.Error(err)
		}
	})
	for _, c := range All(r, Tiny()) {
		t.Run(c.Name, func(t *testing.T) {
			checkGoals(t, c)
			if _, err := measure.Run(t.Context(), []measure.Case{c}, 2, t.Output()); err != nil {
				t.Error(err)
			}
		})
	}
}

// checkGoals fails for a goal about a competitor or a metric that the case doesn't have.
func checkGoals(t *testing.T, c measure.Case) {
	t.Helper()
	names := make(map[string]bool)
	for _, by := range c.Competitors {
		names[by.Name] = true
	}
	for _, m := range c.Metrics {
		names["metric "+m.Name] = true
	}
	for _, g := range c.Goals {
		if !names[g.Of] || g.Against != "" && !names[g.Against] || !names["metric "+g.Metric] || g.Unmet == "" {
			t.Errorf("goal %+v names what the case doesn't have, or no limit", g)
		}
	}
}

func record(key, value string) *kgo.Record {
	return &kgo.Record{Key: []byte(key), Value: []byte(value)}
}

func TestArrivalsRefuseAWrongTopic(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		keyed   bool
		records []*kgo.Record
		fails   bool
	}{
		{"complete", true, []*kgo.Record{record("a", `{"seq":0}`), record("a", `{"seq":1}`)}, false},
		{"a duplicate after a later one", true, []*kgo.Record{record("a", `{"seq":0}`), record("a", `{"seq":1}`), record("a", `{"seq":0}`)}, false},
		{"more than was asked for", true, []*kgo.Record{record("a", `{"seq":0}`), record("a", `{"seq":1}`), record("a", `{"seq":2}`)}, false},
		{"one missing", true, []*kgo.Record{record("a", `{"seq":0}`), record("a", `{"seq":2}`)}, true},
		{"out of order in a key", true, []*kgo.Record{record("a", `{"seq":1}`), record("a", `{"seq":0}`)}, true},
		{"out of order between keys", true, []*kgo.Record{record("a", `{"seq":1}`), record("b", `{"seq":0}`)}, false},
		{"without a key", true, []*kgo.Record{record("", `{"seq":0}`), record("a", `{"seq":1}`)}, true},
		{"without keys, in any order", false, []*kgo.Record{record("", `{"seq":1}`), record("", `{"seq":0}`)}, false},
		{"no JSON", false, []*kgo.Record{record("", `x`)}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := newArrivals(c.keyed)
			var err error
			for _, r := range c.records {
				if err = a.add(r); err != nil {
					break
				}
			}
			if err == nil {
				err = a.check(2)
			}
			if (err != nil) != c.fails {
				t.Errorf("error %v, want one: %v", err, c.fails)
			}
		})
	}
}

func TestLatencyCountsFromWhenACommandWasDue(t *testing.T) {
	t.Parallel()
	j := newJourney(10, time.Second)
	for i := range j.consumed {
		j.consumed[i].Store(int64(j.due[i] + 5*time.Millisecond))
	}
	j.consumed[9].Store(int64(j.due[9] + 700*time.Millisecond))
	j.consumed[0].Store(int64(time.Minute)) // in the first fifth
	lap := new(measure.Lap)
	j.record(lap, "Kafka", j.consumed)
	if got := lap.Values(); got["Kafka p50"] != 5 || got["Kafka p99"] != 700 {
		t.Errorf("percentiles %v, want 5 and 700", got)
	}
}
