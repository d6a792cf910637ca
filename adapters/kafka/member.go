package kafka

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/projection"
)

// leaveTimeout bounds what is said to brokers at the end of an assignment; none of it is needed for correctness.
const leaveTimeout = 3 * time.Second

// member is a source's membership in its group: one worker per assigned partition, fed by one loop that polls.
type member struct {
	cfg     SourceConfig
	health  *health
	handler projection.Handler
	ctx     context.Context // ends with Run
	fail    context.CancelCauseFunc
	cl      *kgo.Client

	mu         sync.Mutex
	workers    map[place]*worker
	closed     bool
	seeks      []seek
	cancelPoll context.CancelFunc
}

// place is a partition as the client names it.
type place struct {
	topic  string
	number int32
}

func newMember(ctx context.Context, s *Source, h projection.Handler, fail context.CancelCauseFunc) *member {
	return &member{
		cfg: s.source, health: s.health, handler: h, ctx: ctx, fail: fail, workers: make(map[place]*worker),
	}
}

func (m *member) options() []kgo.Opt {
	return []kgo.Opt{
		kgo.WithHooks(m),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { m.health.joined() }),
		kgo.AdjustFetchOffsetsFn(m.assign),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, revoked map[string][]int32) {
			m.release(m.take(revoked), m.cfg.Grace)
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
			m.release(m.take(lost), 0)
		}),
	}
}

var _ kgo.HookNewClient = (*member)(nil)

// OnNewClient receives the client before it begins to work.
func (m *member) OnNewClient(cl *kgo.Client) { m.cl = cl }

// run polls until ctx ends, then stops the workers and leaves the group. end ends the client's own context, without which a client that
// is joining waits until all other members have joined, or are given up.
func (m *member) run(ctx context.Context, cl *kgo.Client, end context.CancelFunc) {
	var committer sync.WaitGroup
	committer.Go(func() { m.commitRegularly(ctx) })
	m.poll(ctx)
	committer.Wait()
	m.release(m.takeAll(), m.cfg.Grace)
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	if m.health.isUnreachable() {
		cancel() // there is nobody to say goodbye to
	}
	cl.AllowRebalance()
	if cl.LeaveGroupContext(leaving) != nil { // the session timeout tells the others
		end()
	}
	cl.CloseAllowingRebalance()
}

// start begins a worker; false when the member has ended.
func (m *member) start(p projection.Partition, next int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	w := newWorker(m, p, next)
	m.workers[w.place()] = w
	go w.run()
	return true
}

func (m *member) worker(topic string, number int32) *worker {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.workers[place{topic, number}]
}
