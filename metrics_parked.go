package tenon

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/projection"
)

// parkedMetrics are the figures of what is parked now, by all nodes, of this program's projections.
type parkedMetrics struct {
	projections []projection.Projection
	counts      *cached[[]deadletter.Count]

	sequences, events, oldest, known *prometheus.Desc
}

var _ prometheus.Collector = (*parkedMetrics)(nil)

func newParkedMetrics(projections []projection.Projection, counts func(context.Context) ([]deadletter.Count, error)) *parkedMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("tenon_projection_"+name, help, labels, nil)
	}
	return &parkedMetrics{
		projections: projections, counts: &cached[[]deadletter.Count]{ask: counts, now: time.Now},
		sequences: desc("parked_aggregates", "Aggregates whose events wait until somebody replays or discards them.", "projection", "version"),
		events:    desc("parked_events", "Events that are parked.", "projection", "version"),
		oldest:    desc("oldest_parked_seconds", "Age of the oldest parked event; 0 when there is none.", "projection", "version"),
		known:     desc("parked_up", "Whether the database told what is parked: 1, or 0 where that is missing."),
	}
}

// Describe implements prometheus.Collector.
func (m *parkedMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.sequences, m.events, m.oldest, m.known} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m *parkedMetrics) Collect(to chan<- prometheus.Metric) {
	send := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	counts, err := m.counts.get()
	if err != nil {
		send(m.known, 0)
		return
	}
	send(m.known, 1)
	for _, p := range m.projections {
		var found deadletter.Count
		for _, c := range counts {
			if c.Projection == p.Name && c.Version == p.Version {
				found = c
			}
		}
		age := 0.0
		if !found.Oldest.IsZero() {
			age = max(m.counts.now().Sub(found.Oldest).Seconds(), 0)
		}
		version := strconv.Itoa(p.Version)
		send(m.sequences, float64(found.Sequences), p.Name, version)
		send(m.events, float64(found.Events), p.Name, version)
		send(m.oldest, age, p.Name, version)
	}
}
