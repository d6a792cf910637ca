package tenon

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tenon-go/tenon/application/projection"
)

// projectionMetrics returns the counters of a read model's runner.
func projectionMetrics(p projection.Projection, r *projection.Runner) []prometheus.Collector {
	labels := prometheus.Labels{"projection": p.Name, "version": strconv.Itoa(p.Version)}
	counter := func(name, help string, value func(projection.Stats) int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: "tenon", Subsystem: "projection", Name: name, Help: help, ConstLabels: labels,
		}, func() float64 { return float64(value(r.Stats())) })
	}
	return []prometheus.Collector{
		counter("applied_total", "Events whose effects are stored.", func(s projection.Stats) int64 { return s.Applied }),
		counter("passed_total", "Events of types that the projection doesn't handle.", func(s projection.Stats) int64 { return s.Passed }),
		counter("parked_total", "Events parked because they, or an earlier one of their aggregate, couldn't be applied.",
			func(s projection.Stats) int64 { return s.Parked }),
		counter("retries_total", "Attempts after the first, outages not counted.", func(s projection.Stats) int64 { return s.Retries }),
	}
}
