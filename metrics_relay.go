package tenon

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tenon-go/tenon/adapters/relay/lanes"
	"github.com/tenon-go/tenon/application/relaying"
)

// How long a scrape waits for the status of all lanes, and how long one answer serves: scraping can't load the database.
const (
	statusTimeout = 2 * time.Second
	statusFresh   = 5 * time.Second
)

// laneMetrics are the figures of the relay of lanes. Records, batches and the like are this node's; lag and parked keys are
// those of all nodes' lanes.
type laneMetrics struct {
	commit *prometheus.HistogramVec
	status *cached[relaying.Status]
	stats  func() lanes.Stats

	records, batches, retaken, owned, parked, lag, oldest, known *prometheus.Desc
}

var _ prometheus.Collector = (*laneMetrics)(nil)

// newLaneMetrics returns the figures; observe is lanes.Config.Observe, attach gives the relay that it was made with.
func newLaneMetrics(status func(context.Context) (relaying.Status, error)) *laneMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("tenon_relay_"+name, help, labels, nil)
	}
	return &laneMetrics{
		commit: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "tenon", Subsystem: "relay", Name: "commit_seconds", Help: "Time that Kafka takes to commit a batch.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}, []string{"records"}),
		status:  &cached[relaying.Status]{ask: status, now: time.Now},
		stats:   func() lanes.Stats { return lanes.Stats{} },
		records: desc("records_total", "Events published by this node."),
		batches: desc("batches_total", "Batches committed by this node, with or without events."),
		retaken: desc("retaken_total", "Lanes that this node took again after an error."),
		owned:   desc("lanes", "Lanes that this node has."),
		parked:  desc("parked_keys", "Keys whose events are held back until somebody retries or skips.", "lane"),
		lag:     desc("lag_events", "Committed events that are not sent yet; counting stops at 100,000 in all.", "lane"),
		oldest:  desc("oldest_unsent_seconds", "Age of the oldest event that is not sent yet; 0 when all are.", "lane"),
		known:   desc("status_up", "Whether the database told lag and parked keys: 1, or 0 where they are missing."),
	}
}

// attach names the relay whose figures these are.
func (m *laneMetrics) attach(r *lanes.Relay) { m.stats = r.Stats }

// observe notes a committed batch.
func (m *laneMetrics) observe(_, records int, took time.Duration) {
	m.commit.WithLabelValues(strconv.FormatBool(records > 0)).Observe(took.Seconds())
}

// Describe implements prometheus.Collector.
func (m *laneMetrics) Describe(to chan<- *prometheus.Desc) {
	m.commit.Describe(to)
	for _, d := range []*prometheus.Desc{m.records, m.batches, m.retaken, m.owned, m.parked, m.lag, m.oldest, m.known} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m *laneMetrics) Collect(to chan<- prometheus.Metric) {
	m.commit.Collect(to)
	s := m.stats()
	send := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, kind, value, labels...)
	}
	send(m.records, prometheus.CounterValue, float64(s.Records))
	send(m.batches, prometheus.CounterValue, float64(s.Batches))
	send(m.retaken, prometheus.CounterValue, float64(s.Retaken))
	send(m.owned, prometheus.GaugeValue, float64(len(s.Lanes)))
	status, err := m.status.get()
	if err != nil {
		send(m.known, prometheus.GaugeValue, 0)
		return
	}
	send(m.known, prometheus.GaugeValue, 1)
	for i := range status.Lanes {
		l := &status.Lanes[i]
		lane, age := strconv.Itoa(l.Lane), 0.0
		if !l.Lag.Oldest.IsZero() {
			age = max(status.At.Sub(l.Lag.Oldest).Seconds(), 0)
		}
		send(m.parked, prometheus.GaugeValue, float64(l.Parked), lane)
		send(m.lag, prometheus.GaugeValue, float64(l.Lag.Events), lane)
		send(m.oldest, prometheus.GaugeValue, age, lane)
	}
}

// cached asks once where many scrape at a time. An error is kept too.
type cached[T any] struct {
	ask func(context.Context) (T, error)
	now func() time.Time

	mu    sync.Mutex
	value T
	err   error
	until time.Time
}

func (c *cached[T]) get() (T, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now().Before(c.until) {
		return c.value, c.err
	}
	ctx, cancel := context.WithTimeout(context.Background(), statusTimeout)
	defer cancel()
	c.value, c.err = c.ask(ctx)
	c.until = c.now().Add(statusFresh)
	return c.value, c.err
}
