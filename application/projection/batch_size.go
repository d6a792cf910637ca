package projection

import "time"

const (
	firstBatch = 1000
	// A batch that took less than quick may be followed by a larger one, one that took more than long by a smaller one.
	quick = 250 * time.Millisecond
	long  = time.Second
)

// BatchSize is how many records of a partition a source hands over at once. It grows while there are as many and the handler is
// quick with them: a transaction costs what it costs, and an aggregate's row is written once for all events of a batch. It shrinks
// when a batch takes long, so that a stop or a rebalance doesn't wait for it and [RunnerConfig] Timeout isn't met by each batch
// anew. Not for concurrent use.
type BatchSize struct{ now, most int }

// NewBatchSize returns one that grows up to most, which is 1 or more.
func NewBatchSize(most int) BatchSize { return BatchSize{now: min(firstBatch, most), most: most} }

// Now returns the size of the next batch, 1 or more.
func (b *BatchSize) Now() int { return b.now }

// Took notes how long the handler took for a batch.
func (b *BatchSize) Took(records int, d time.Duration) {
	switch {
	case d > long:
		b.now = max(b.now/2, 1)
	case d < quick && records >= b.now:
		b.now = min(2*b.now, b.most)
	}
}
