package tenon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tenon-go/tenon/adapters/postgres"
)

const (
	captureEvery = 2 * time.Second
	// capturePatience is longer than a worker of Kafka Connect takes to come back.
	capturePatience = 30 * time.Second
)

// captureWatch stands in the relay's place with TENON_RELAY=none: it forwards nothing, and knows whether somebody reads the slot.
type captureWatch struct {
	look     func(context.Context) (postgres.CaptureStatus, error)
	log      *slog.Logger
	every    time.Duration
	patience time.Duration

	mu     sync.Mutex
	status postgres.CaptureStatus
	there  bool      // the slot
	unread time.Time // since when nobody reads; zero: somebody does
	err    error
}

func newCaptureWatch(capture *postgres.Capture, log *slog.Logger) *captureWatch {
	return &captureWatch{look: capture.Status, log: log, every: captureEvery, patience: capturePatience}
}

// run looks until ctx ends. A database that doesn't answer is the business of its own check.
func (w *captureWatch) run(ctx context.Context) error {
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	for said := false; ; said = true {
		status, err := w.look(ctx)
		if errors.Is(err, postgres.ErrNoCapture) && !said {
			w.log.Info("TENON_RELAY=none and no replication slot: something else must forward the log", "slot", status.Slot)
		}
		if err == nil || errors.Is(err, postgres.ErrNoCapture) {
			w.note(status, err == nil, time.Now())
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (w *captureWatch) note(s postgres.CaptureStatus, there bool, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status, w.there, w.err = s, there, nil
	if s.Active || !there {
		w.unread = time.Time{}
	} else if w.unread.IsZero() {
		w.unread = now
	}
	switch {
	case !there:
	case s.Lost:
		w.err = fmt.Errorf("replication slot %s is lost: the server threw away what the connector hadn't read (max_slot_wal_keep_size): "+
			"see docs/debezium.md", s.Slot)
	case !w.unread.IsZero() && now.Sub(w.unread) >= w.patience:
		w.err = fmt.Errorf("nobody reads replication slot %s since %s: is the connector running?", s.Slot, w.unread.UTC().Format(time.RFC3339))
	case s.Unsent > 0:
		w.err = fmt.Errorf("%s events from before replication slot %s were never sent, and the connector won't send them: "+
			"let a relay run until `tenon debezium status` shows none", shownCount(s.Unsent, s.Unsent == postgres.MostUnsent), s.Slot)
	}
}

// health is nil while there is no slot: what forwards the log then isn't known here.
func (w *captureWatch) health() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// metrics are the slot's figures, 0 while there is none.
func (w *captureWatch) metrics() []prometheus.Collector {
	gauge := func(name, help string, value func(postgres.CaptureStatus) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "tenon", Subsystem: "capture", Name: name, Help: help}, func() float64 {
			w.mu.Lock()
			defer w.mu.Unlock()
			return value(w.status)
		})
	}
	return []prometheus.Collector{
		gauge("active", "Whether a connector reads the replication slot.", func(s postgres.CaptureStatus) float64 {
			if s.Active {
				return 1
			}
			return 0
		}),
		gauge("behind_bytes", "Bytes of write-ahead log that the connector hasn't confirmed.", func(s postgres.CaptureStatus) float64 { return float64(s.Behind) }),
		gauge("kept_bytes", "Bytes of write-ahead log that the server keeps for the connector.", func(s postgres.CaptureStatus) float64 { return float64(s.Kept) }),
	}
}
