package kafka

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/projection"
)

// feed appends records and pauses fetching when too much waits. It doesn't block.
func (w *worker) feed(records []*kgo.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = append(w.queue, records...)
	for _, r := range records {
		w.bytes += size(r)
	}
	w.fed = records[len(records)-1].Offset + 1
	if w.bytes > w.m.cfg.MaxBuffered && !w.paused {
		w.paused = true
		w.m.cl.PauseFetchPartitions(w.asMap())
	}
	w.signal()
}

// batch takes the records of a batch off the queue and lets fetching go on when half of what may wait is gone.
func (w *worker) batch() []projection.Delivery {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(len(w.queue), w.size.Now())
	batch := make([]projection.Delivery, n)
	for i, r := range w.queue[:n] {
		w.bytes -= size(r)
		batch[i] = deliver(w.partition, r)
		w.queue[i] = nil
	}
	w.queue = w.queue[n:]
	if len(w.queue) > 0 {
		w.signal()
	}
	if w.bytes <= w.m.cfg.MaxBuffered/2 {
		w.resume()
	}
	return batch
}

// clear drops what waits.
func (w *worker) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue, w.bytes = nil, 0
	w.resume()
}

func (w *worker) resume() {
	if w.paused {
		w.paused = false
		w.m.cl.ResumeFetchPartitions(w.asMap())
	}
}

func (w *worker) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *worker) asMap() map[string][]int32 {
	return map[string][]int32{w.partition.Topic: {w.partition.Number}}
}

// rewound notes that fetching goes on at next.
func (w *worker) rewound(next int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fed = next
}

// position returns the offset that is fetched next.
func (w *worker) position() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fed
}

func size(r *kgo.Record) int {
	n := len(r.Key) + len(r.Value) + 64
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return n
}
