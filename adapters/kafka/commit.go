package kafka

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// commitRegularly reports to Kafka how far the workers are, until ctx ends. A report that fails is made up for by the next.
func (m *member) commitRegularly(ctx context.Context) {
	ticker := time.NewTicker(m.cfg.CommitEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		m.mu.Lock()
		workers := make([]*worker, 0, len(m.workers))
		for _, w := range m.workers {
			workers = append(workers, w)
		}
		m.mu.Unlock()
		m.commit(workers)
	}
}

// commit sends the workers' offsets to the group. Only Kafka's tools read them: an error is only a reason to send them again.
func (m *member) commit(workers []*worker) {
	var last []*kgo.Record // as applied; the client commits the offset after each
	var moved []*worker
	for _, w := range workers {
		if next := w.applied.Load(); next != w.committed.Load() {
			moved = append(moved, w)
			last = append(last, &kgo.Record{
				Topic: w.partition.Topic, Partition: w.partition.Number, Offset: next - 1, LeaderEpoch: -1,
			})
		}
	}
	if len(last) == 0 || m.health.isUnreachable() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(m.ctx), leaveTimeout)
	defer cancel()
	if err := m.cl.CommitRecords(ctx, last...); err != nil {
		return
	}
	for i, w := range moved {
		w.committed.Store(last[i].Offset + 1)
	}
}
