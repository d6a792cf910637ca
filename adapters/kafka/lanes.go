package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/relaying"
)

// closeWait bounds how long anything here waits for clients to close: they do at once unless brokers have stopped to answer.
const closeWait = 5 * time.Second

var errLanesClosed = errors.New("kafka lanes are closed")

// Lanes publishes records exactly once to whoever reads read_committed: each batch is one Kafka transaction that also
// writes the lane's progress to a compacted topic. Whoever reads uncommitted sees the records of aborted attempts too.
//
// A lane owns some transactional ids and the partition of the cursor topic that has its number. Batches go through the
// ids in turn, one at a time, so that a broker may still be finishing one transaction while the next is under way.
type Lanes struct {
	cfg    Config
	lanes  LanesConfig
	admin  *Admin
	topics *laneTopics
	reach  *relaying.Reach

	mu        sync.Mutex
	closed    bool
	stopProbe context.CancelFunc // nil before the first session
	cursorsOK bool               // the cursor topic was checked
	sessions  map[*session]bool
	decided   map[string]decision // by transactional id

	background sync.WaitGroup // clients that are being closed
}

var _ relaying.Target = (*Lanes)(nil)

// NewLanes returns a target that connects when it is used. Close it.
func NewLanes(cfg Config, lc LanesConfig) (*Lanes, error) {
	cfg, err := cfg.checked()
	lc, lanesErr := lc.checked()
	if err := errors.Join(err, lanesErr); err != nil {
		return nil, err
	}
	cl, err := cfg.client(kgo.RequestRetries(5), kgo.RetryTimeout(10*time.Second), kgo.DisableClientMetrics())
	if err != nil {
		return nil, err
	}
	admin := &Admin{cl: cl}
	return &Lanes{
		cfg: cfg, lanes: lc, admin: admin, topics: newLaneTopics(cfg.Logger, admin, lc), sessions: make(map[*session]bool), decided: make(map[string]decision),
		reach: relaying.NewReach("Kafka", laneSilence, cfg.Logger, cfg.Now),
	}, nil
}

// Topics returns what is known of the topics that records went to, by name. Safe for concurrent use.
func (l *Lanes) Topics() []TopicStatus { return l.topics.status() }

// Close ends all sessions and the connections. It waits a few seconds at most for brokers that don't answer. Twice is
// fine.
func (l *Lanes) Close() {
	l.mu.Lock()
	l.closed = true
	if l.stopProbe != nil {
		l.stopProbe()
	}
	open := make([]*session, 0, len(l.sessions))
	for s := range l.sessions {
		open = append(open, s)
	}
	l.mu.Unlock()
	for _, s := range open {
		s.end(errLanesClosed)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.background.Wait()
	}()
	if !within(closeWait, done) {
		l.cfg.Logger.Warn("kafka clients still close in the background", "waited", closeWait)
	}
	l.admin.Close()
}

// within waits until done is closed, at most so long.
func within(limit time.Duration, done <-chan struct{}) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// open makes a session with its clients, unless l is closed.
func (l *Lanes) open(log uuid.UUID, lane int) (*session, error) {
	s := newSession(l, log, lane)
	for n := range l.lanes.Producers {
		id := fmt.Sprintf("%s.%s.%d.%d", l.lanes.Prefix, log, lane, n)
		cl, err := l.cfg.client(l.producerOptions(id)...)
		if err != nil {
			s.closeClients()
			return nil, err
		}
		s.ids, s.clients = append(s.ids, id), append(s.clients, cl)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		s.closeClients()
		return nil, errLanesClosed
	}
	l.sessions[s] = true
	if l.stopProbe == nil {
		var probing context.Context
		probing, l.stopProbe = context.WithCancel(context.Background())
		l.background.Go(func() { l.probe(probing) })
	}
	return s, nil
}

// producerOptions leaves the client's own bounds of what it buffers: 50,000 records, any number of bytes.
func (l *Lanes) producerOptions(id string) []kgo.Opt {
	compression, _, _ := l.cfg.Compression.codecs()
	return []kgo.Opt{
		kgo.TransactionalID(id),
		kgo.TransactionTimeout(l.lanes.TransactionTimeout),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerBatchCompression(compression),
		kgo.ProducerLinger(0),
		kgo.RecordPartitioner(l.topics),
		kgo.ProducerBatchMaxBytesFn(l.topics.batchLimit),
		kgo.UnknownTopicRetries(20),                 // a topic just made isn't known to every broker at once
		kgo.MetadataMinAge(50 * time.Millisecond),   // what the client waits after CONCURRENT_TRANSACTIONS
		kgo.DisableClientMetrics(),                  // they make Close slow
		kgo.RequestTimeoutOverhead(5 * time.Second), // per request; the session's own limit is above
	}
}

// retire closes a session's clients without making anybody wait, once.
func (l *Lanes) retire(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.sessions[s] {
		return
	}
	delete(l.sessions, s)
	l.background.Go(func() {
		defer close(s.closed)
		s.closeClients()
		s.work.Wait()
	})
}
