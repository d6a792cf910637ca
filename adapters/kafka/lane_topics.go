package kafka

import (
	"cmp"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TopicStatus is a topic that records of lanes go to.
type TopicStatus struct {
	Name       string
	Partitions int // when this process first saw it
	Now        int // as of late. More than Partitions: newer records of a key may be on another partition than its older ones
}

// defaultBatchBytes is the most that a broker takes at once unless it is set otherwise.
const defaultBatchBytes = 1_000_012

// maxBatchBytes is the most that is sent at once, whatever a topic takes.
const maxBatchBytes = 64 << 20

// laneTopic is a topic that exists.
type laneTopic struct {
	name       string
	partitions int
	batchBytes atomic.Int64 // the most that its brokers take at once
	known      atomic.Bool  // batchBytes was told by the broker

	now   atomic.Int64
	apart atomic.Bool // records are sent one by one, because the broker refused one of several
}

// laneTopics remembers the topics that were checked, and puts keys on the partitions where Java's default partitioner
// puts them.
type laneTopics struct {
	log   *slog.Logger
	admin *Admin
	lanes LanesConfig

	mu    sync.RWMutex
	known map[string]*laneTopic
}

var _ kgo.Partitioner = (*laneTopics)(nil)

func newLaneTopics(log *slog.Logger, admin *Admin, lanes LanesConfig) *laneTopics {
	return &laneTopics{log: log, admin: admin, lanes: lanes, known: make(map[string]*laneTopic)}
}

func (t *laneTopics) get(name string) *laneTopic {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.known[name]
}

func (t *laneTopics) status() []TopicStatus {
	t.mu.RLock()
	defer t.mu.RUnlock()
	all := make([]TopicStatus, 0, len(t.known))
	for _, k := range t.known {
		all = append(all, TopicStatus{Name: k.name, Partitions: k.partitions, Now: int(k.now.Load())})
	}
	slices.SortFunc(all, func(a, b TopicStatus) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// batchLimit is what the client may put into one batch of a topic, by its own count, which has four bytes more than the
// broker's.
func (t *laneTopics) batchLimit(name string) int32 {
	limit := defaultBatchBytes
	if k := t.get(name); k != nil {
		limit = int(k.batchBytes.Load())
	}
	return int32(min(max(limit+4, 512), maxBatchBytes))
}

// ForTopic returns the topic's partitioner. Records of the cursor topic name their partition.
func (t *laneTopics) ForTopic(name string) kgo.TopicPartitioner {
	if name == t.lanes.CursorTopic {
		return kgo.ManualPartitioner().ForTopic(name)
	}
	return watchedPartitioner{kgo.StickyKeyPartitioner(nil).ForTopic(name), t.get(name), t.log}
}

// watchedPartitioner notices when there are more partitions than before.
type watchedPartitioner struct {
	kgo.TopicPartitioner
	topic *laneTopic
	log   *slog.Logger
}

// Partition returns the partition of the record's key.
func (p watchedPartitioner) Partition(r *kgo.Record, n int) int {
	if p.topic != nil {
		p.topic.sees(n, p.log)
	}
	return p.TopicPartitioner.Partition(r, n)
}

// refuses reports whether the topic is known to take no batch of so many bytes.
func (k *laneTopic) refuses(size int) bool {
	return k.known.Load() && int64(size) > min(k.batchBytes.Load(), maxBatchBytes)
}

// sees reports once when a topic grew.
func (k *laneTopic) sees(n int, log *slog.Logger) {
	before := k.now.Swap(int64(n))
	if n > k.partitions && before == int64(k.partitions) {
		log.Warn("a topic's partitions grew: newer records of a key may overtake older ones, which are on another partition",
			"topic", k.name, "before", k.partitions, "now", n)
	}
}
