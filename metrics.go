package tenon

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/ports/consumer"
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
		counter("repeated_total", "Events taken for repeats, because they or a later version of their aggregate were applied before.",
			func(s projection.Stats) int64 { return s.Repeated }),
		counter("parked_total", "Events parked because they, or an earlier one of their aggregate, couldn't be applied.",
			func(s projection.Stats) int64 { return s.Parked }),
		counter("retries_total", "Attempts after the first, outages not counted.", func(s projection.Stats) int64 { return s.Retries }),
	}
}

// handlerMetrics returns the counters of a message handler.
func handlerMetrics(name string, r *consumer.Router) []prometheus.Collector {
	labels := prometheus.Labels{"handler": name}
	counter := func(of, help string, value func(consumer.Stats) int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: "tenon", Subsystem: "handler", Name: of, Help: help, ConstLabels: labels,
		}, func() float64 { return float64(value(r.Stats(name))) })
	}
	return []prometheus.Collector{
		counter("handled_total", "Messages whose effects are stored.", func(s consumer.Stats) int64 { return s.Handled }),
		counter("repeated_total", "Messages that came again and had no further effect.", func(s consumer.Stats) int64 { return s.Repeated }),
		counter("passed_total", "Messages of types that the handler doesn't handle.", func(s consumer.Stats) int64 { return s.Passed }),
		counter("dead_lettered_total", "Messages copied to the dead-letter topic and passed.",
			func(s consumer.Stats) int64 { return s.DeadLettered }),
		counter("retries_total", "Attempts after the first, outages not counted.", func(s consumer.Stats) int64 { return s.Retries }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "tenon", Subsystem: "handler", Name: "in_hand", Help: "Messages being handled now.", ConstLabels: labels,
		}, func() float64 { return float64(r.Stats(name).InHand) }),
	}
}
