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

// commit sends the workers' offsets to the group. Only Kafka's tools read them: errors don't matter.
func (m *member) commit(workers []*worker) {
	offsets := make(map[string]map[int32]kgo.EpochOffset)
	for _, w := range workers {
		next := w.applied.Load()
		if next == w.committed.Swap(next) {
			continue
		}
		if offsets[w.partition.Topic] == nil {
			offsets[w.partition.Topic] = make(map[int32]kgo.EpochOffset)
		}
		offsets[w.partition.Topic][w.partition.Number] = kgo.EpochOffset{Epoch: -1, Offset: next}
	}
	if len(offsets) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(m.ctx), leaveTimeout)
	defer cancel()
	m.cl.CommitOffsetsSync(ctx, offsets, nil)
}
