package tenon

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/projection"
)

func TestParkedMetricsTellWhatWaits(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_700_000_000, 0)
	var failure error
	m := newParkedMetrics([]projection.Projection{{Name: "list", Version: 2}, {Name: "sums", Version: 1}},
		func(context.Context) ([]deadletter.Count, error) {
			return []deadletter.Count{
				{Projection: "list", Version: 1, Sequences: 9, Events: 9, Oldest: at},
				{Projection: "list", Version: 2, Sequences: 3, Events: 8, Oldest: at.Add(-time.Minute)},
			}, failure
		})
	clock := at
	m.counts.now = func() time.Time { return clock }
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m)
	want := map[string]float64{
		"tenon_projection_parked_up":                1,
		"tenon_projection_parked_aggregates list 2": 3, "tenon_projection_parked_aggregates sums 1": 0,
		"tenon_projection_parked_events list 2": 8, "tenon_projection_parked_events sums 1": 0,
		"tenon_projection_oldest_parked_seconds list 2": 60, "tenon_projection_oldest_parked_seconds sums 1": 0,
	}
	if diff := cmp.Diff(want, gathered(t, registry)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	clock, failure = clock.Add(time.Minute), errors.New("no database")
	if got := gathered(t, registry); !cmp.Equal(got, map[string]float64{"tenon_projection_parked_up": 0}) {
		t.Errorf("without the database: %v", got)
	}
}
