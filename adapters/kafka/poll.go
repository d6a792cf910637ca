package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"
)

// maxPoll is the number of records taken from the client at once.
const maxPoll = 5000

// seek is a worker's wish to read on from another offset.
type seek struct {
	worker *worker
	offset int64
	done   chan struct{}
}

// seek has the polling loop carry out s: only there it is certain that no records from before are still on their way.
func (m *member) seek(s seek) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seeks = append(m.seeks, s)
	if m.cancelPoll != nil {
		m.cancelPoll()
	}
}

// poll feeds the workers until ctx ends. From a poll to AllowRebalance no partition changes its owner: what was polled goes to
// the worker that it was fetched for, never to one that started elsewhere in between.
func (m *member) poll(ctx context.Context) {
	for ctx.Err() == nil {
		fetches := m.cl.PollRecords(m.pollContext(ctx), maxPoll)
		m.feed(fetches)
		m.carryOut()
		m.cl.AllowRebalance()
		fetches.EachError(func(topic string, number int32, err error) {
			m.examine(ctx, topic, number, err)
		})
	}
}

// pollContext returns a context that a seek ends.
func (m *member) pollContext(ctx context.Context) context.Context {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cancelPoll != nil {
		m.cancelPoll()
	}
	ctx, m.cancelPoll = context.WithCancel(ctx)
	if len(m.seeks) > 0 {
		m.cancelPoll()
	}
	return ctx
}

func (m *member) feed(fetches kgo.Fetches) {
	fetches.EachPartition(func(f kgo.FetchTopicPartition) {
		if len(f.Records) == 0 {
			return
		}
		if w := m.worker(f.Topic, f.Partition); w != nil {
			w.feed(f.Records)
		}
	})
}

func (m *member) carryOut() {
	m.mu.Lock()
	seeks := m.seeks
	m.seeks = nil
	m.mu.Unlock()
	for _, s := range seeks {
		w := s.worker
		if m.worker(w.partition.Topic, w.partition.Number) != w {
			continue // it was stopped, which it waits for too
		}
		at := kgo.EpochOffset{Epoch: -1, Offset: s.offset}
		w.clear()
		m.cl.SetOffsets(map[string]map[int32]kgo.EpochOffset{w.partition.Topic: {w.partition.Number: at}})
		w.rewound(s.offset)
		close(s.done)
	}
}
