package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/projection"
)

// worker hands one partition's records to the handler, in order, for as long as the partition is assigned.
type worker struct {
	m         *member
	partition projection.Partition
	next      int64 // what the handler is passed as from; only run touches it
	size      projection.BatchSize
	ctx       context.Context
	cancel    context.CancelFunc

	mu     sync.Mutex
	queue  []*kgo.Record
	bytes  int
	fed    int64 // offset of the record to come, as far as is known: for messages
	paused bool

	wake     chan struct{} // holds a token when the queue may have something
	stopping chan struct{}
	stop     func()
	done     chan struct{}

	applied   atomic.Int64 // offset after the last record applied
	committed atomic.Int64 // the same as last reported to Kafka
}

func newWorker(m *member, p projection.Partition, next int64) *worker {
	w := &worker{
		m: m, partition: p, next: next, fed: next, size: projection.NewBatchSize(m.cfg.MaxBatch),
		wake: make(chan struct{}, 1), stopping: make(chan struct{}), done: make(chan struct{}),
	}
	w.ctx, w.cancel = context.WithCancel(context.WithoutCancel(m.ctx))
	w.stop = sync.OnceFunc(func() { close(w.stopping) })
	return w
}

func (w *worker) place() place { return place{w.partition.Topic, w.partition.Number} }

func (w *worker) run() {
	defer close(w.done)
	defer w.clear() // a partition stays paused for its next owner in this client otherwise
	for w.await() {
		batch := w.batch()
		if len(batch) == 0 {
			continue
		}
		began := time.Now()
		next, err := w.m.handler.Handle(w.ctx, w.partition, w.next, batch)
		w.size.Took(len(batch), time.Since(began))
		if errors.Is(err, projection.ErrMoved) {
			next, err = w.restart()
		} else if err == nil {
			w.applied.Store(next)
		}
		switch {
		case err == nil:
			w.next = next
		case w.ctx.Err() != nil || errors.Is(err, errStopping):
			return
		default:
			w.m.fail(w.wrap(err))
			return
		}
	}
}

var errStopping = errors.New("worker is stopping")

// await waits for records; false when the worker is to stop.
func (w *worker) await() bool {
	select {
	case <-w.stopping:
		return false
	default:
	}
	select {
	case <-w.stopping:
		return false
	case <-w.wake:
		return true
	}
}

// restart asks the handler where to go on and makes the client fetch from there.
func (w *worker) restart() (int64, error) {
	next, err := w.m.handler.Start(w.ctx, w.partition)
	if err != nil {
		return 0, err
	}
	at := next
	if next == projection.None {
		if at, err = w.beginning(); err != nil {
			return 0, err
		}
	}
	done := make(chan struct{})
	w.m.seek(seek{worker: w, offset: at, done: done})
	select {
	case <-done:
		return next, nil
	case <-w.stopping:
		return 0, errStopping
	}
}

// beginning returns the partition's first offset. It asks until a broker answers: the client can be told to fetch from a number,
// not from the beginning.
func (w *worker) beginning() (int64, error) {
	adm := kadm.NewClient(w.m.cl)
	for n := 1; ; n++ {
		starts, err := adm.ListStartOffsets(w.ctx, w.partition.Topic)
		first, ok := starts.Lookup(w.partition.Topic, w.partition.Number)
		if err == nil && ok && first.Err == nil {
			return first.Offset, nil
		}
		select {
		case <-w.stopping:
			return 0, errStopping
		case <-time.After(retryBackoff(n)):
		}
	}
}

// wrap says which partition err is about.
func (w *worker) wrap(err error) error {
	return fmt.Errorf("partition %d of %s: %w", w.partition.Number, w.partition.Topic, err)
}
