package tenon

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tenon-go/tenon/adapters/relay/lanes"
	"github.com/tenon-go/tenon/application/relaying"
)

func TestLaneMetricsAskTheDatabaseNowAndThen(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_700_000_000, 0)
	asked := 0
	var failure error
	m := newLaneMetrics(func(ctx context.Context) (relaying.Status, error) {
		asked++
		if _, limited := ctx.Deadline(); !limited {
			t.Error("asked without a time limit")
		}
		return relaying.Status{At: at, Lanes: []relaying.LaneStatus{
			{Lane: 0}, {Lane: 1, Parked: 2, Lag: relaying.Lag{Events: 7, Oldest: at.Add(-3 * time.Second)}},
		}}, failure
	})
	clock := at
	m.status.now = func() time.Time { return clock }
	m.stats = func() lanes.Stats {
		return lanes.Stats{Totals: lanes.Totals{Records: 5, Batches: 4, Retaken: 3}, Lanes: []int{1}}
	}
	m.observe(1, 5, 2*time.Millisecond)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m)
	want := map[string]float64{
		"tenon_relay_records_total": 5, "tenon_relay_batches_total": 4, "tenon_relay_retaken_total": 3, "tenon_relay_lanes": 1,
		"tenon_relay_status_up": 1, "tenon_relay_parked_keys 0": 0, "tenon_relay_parked_keys 1": 2,
		"tenon_relay_lag_events 0": 0, "tenon_relay_lag_events 1": 7,
		"tenon_relay_oldest_unsent_seconds 0": 0, "tenon_relay_oldest_unsent_seconds 1": 3, "tenon_relay_commit_seconds true": 1,
	}
	for range 3 {
		if diff := cmp.Diff(want, gathered(t, registry)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times within 5 s, want once", asked)
	}
	clock, failure = clock.Add(6*time.Second), errors.New("no database")
	got := gathered(t, registry)
	if _, lag := got["tenon_relay_lag_events 0"]; lag || got["tenon_relay_status_up"] != 0 || got["tenon_relay_records_total"] != 5 || asked != 2 {
		t.Errorf("without the database: %v, asked %d times; want this node's figures, and 2", got, asked)
	}
}

// gathered returns each figure by its name and label; of a histogram the count.
func gathered(t *testing.T, from prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			all[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return all
}
