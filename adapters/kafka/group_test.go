package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/projection"
)

func TestGroupMembersComeAndGo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var stops []func() error
	last := 0
	for round := range 6 {
		r.produce(records(12, last+1, last+20)...)
		last += 20
		if round%3 == 2 {
			if err := stops[0](); err != nil {
				t.Fatal(err)
			}
			stops = stops[1:]
			continue
		}
		stops = append(stops, r.start(r.source(nil), r.runner(nil)))
	}
	r.wantApplied(12, last)
}

// network is what a member's connections go through.
type network struct {
	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

func (n *network) dial(ctx context.Context, kind, address string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cut {
		return nil, errors.New("network is cut")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, kind, address)
	if err == nil {
		n.conns = append(n.conns, conn)
	}
	return conn, err
}

// cutOff ends all connections, as the death of the process would.
func (n *network) cutOff() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = true
	for _, conn := range n.conns {
		_ = conn.Close()
	}
}

func TestGroupTakesOverFromAMemberThatDied(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	short := func(c *kafka.SourceConfig) { c.SessionTimeout = 6 * time.Second } // what brokers allow at least
	r.produce(records(12, 1, 20)...)
	survivor := r.source(short)
	r.start(survivor, r.runner(nil))
	var n network
	r.cfg.Dial = n.dial
	dying := r.source(short)
	r.start(dying, r.runner(nil))
	applicationtest.Eventually(t, func() error { return errors.Join(survivor.Health(), dying.Health()) })
	r.produce(records(12, 21, 40)...)
	n.cutOff()
	r.produce(records(12, 41, 60)...)
	r.wantApplied(12, 60)
}

// A rebalance waits for every member, for as long as one says that it may take. Who stops meanwhile doesn't.
func TestGroupIsLeftWhileOthersAreWaitedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.produce(records(3, 1, 2)...)
	busy, err := kgo.NewClient(kgo.SeedBrokers(r.cfg.Brokers...), kgo.DisableClientMetrics(), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic),
		kgo.Balancers(kgo.CooperativeStickyBalancer()), kgo.BlockRebalanceOnPoll(), kgo.RebalanceTimeout(5*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	defer busy.CloseAllowingRebalance()
	if busy.PollFetches(t.Context()).NumRecords() == 0 {
		t.Fatal("the other member got nothing")
	}
	var log lines
	r.cfg.Logger = log.logger()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	patient := func(c *kafka.SourceConfig) { c.Grace = time.Hour } // its own time for a rebalance is a minute then
	src, runner := r.source(patient), r.runner(nil)
	go func() { ended <- src.Run(ctx, runner) }()
	adm := kadm.NewClient(r.cl)
	applicationtest.Eventually(t, func() error {
		groups, err := adm.DescribeGroups(t.Context(), group)
		if state := groups[group].State; err == nil && state != "PreparingRebalance" {
			err = fmt.Errorf("the group is %s", state)
		}
		return err
	})
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(45 * time.Second):
		t.Error("the source waits for the other member")
	}
	if log.count("waits") > 0 {
		t.Errorf("a stop was taken for an outage: %q", log.all)
	}
}

// lingering holds its first call of Handle until it is let go, and tells when it has begun.
type lingering struct {
	projection.Handler
	begun, letGo chan struct{}
	once         sync.Once
}

func (h *lingering) Handle(ctx context.Context, p projection.Partition, from int64, batch []projection.Delivery) (int64, error) {
	h.once.Do(func() {
		close(h.begun)
		<-h.letGo
	})
	return h.Handler.Handle(ctx, p, from, batch)
}

func TestGroupZombieDoesNotApplyWhatTheNewOwnerApplied(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.produce(records(12, 1, 20)...)
	healthy := r.cfg
	var n network
	r.cfg.Dial = n.dial
	zombie := &lingering{Handler: r.runner(nil), begun: make(chan struct{}), letGo: make(chan struct{})}
	r.start(r.source(func(c *kafka.SourceConfig) { c.SessionTimeout = 6 * time.Second }), zombie)
	letGo := sync.OnceFunc(func() { close(zombie.letGo) })
	t.Cleanup(letGo)
	<-zombie.begun
	n.cutOff() // the others get its partitions while it is in the handler and can't know
	r.cfg = healthy
	r.start(r.source(nil), r.runner(nil))
	r.wantApplied(12, 20)
	letGo()
	r.produce(records(12, 21, 30)...)
	r.wantApplied(12, 30)
}

// held is a handler whose calls wait until they are let go.
type held struct {
	projection.Handler
	begun, letGo chan struct{}
	once         sync.Once
}

func (h *held) Handle(ctx context.Context, p projection.Partition, from int64, batch []projection.Delivery) (int64, error) {
	h.once.Do(func() { close(h.begun) })
	<-h.letGo
	return h.Handler.Handle(ctx, p, from, batch)
}

// announced is a handler that says when it is asked for an offset.
type announced struct {
	projection.Handler
	started chan projection.Partition
}

func (h announced) Start(ctx context.Context, p projection.Partition) (int64, error) {
	h.started <- p
	return h.Handler.Start(ctx, p)
}

func TestGroupNewOwnerWaitsForTheCallInHand(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.produce(records(12, 1, 10)...)
	old := &held{Handler: r.runner(nil), begun: make(chan struct{}), letGo: make(chan struct{})}
	t.Cleanup(sync.OnceFunc(func() {
		select {
		case <-old.letGo:
		default:
			close(old.letGo)
		}
	}))
	r.start(r.source(func(c *kafka.SourceConfig) { c.Grace = time.Hour }), old)
	<-old.begun
	next, src := announced{Handler: r.runner(nil), started: make(chan projection.Partition, partitions)}, r.source(nil)
	r.start(src, next)
	applicationtest.Eventually(t, src.Health)
	select {
	case p := <-next.started:
		t.Errorf("partition %d began anew while its last owner was in the handler", p.Number)
	case <-time.After(2 * time.Second): // nothing tells that nothing will happen
	}
	close(old.letGo)
	<-next.started
	r.wantApplied(12, 10)
}

func TestGroupRunEndLetsTheCallInHandFinish(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.produce(records(1, 1, 1)...)
	h := &lingering{Handler: r.runner(nil), begun: make(chan struct{}), letGo: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	src := r.source(func(c *kafka.SourceConfig) { c.Grace = time.Hour })
	go func() { ended <- src.Run(ctx, h) }()
	<-h.begun
	cancel()
	close(h.letGo)
	if err := <-ended; err != nil {
		t.Errorf("Run: %v, want nil", err)
	}
	r.wantApplied(1, 1)
}

// stuck is a handler whose calls last until their context ends.
type stuck struct {
	projection.Handler
	begun chan struct{}
}

func (h stuck) Handle(ctx context.Context, _ projection.Partition, _ int64, _ []projection.Delivery) (int64, error) {
	close(h.begun)
	<-ctx.Done()
	return 0, ctx.Err()
}

func TestGroupRunEndCancelsACallAfterTheGrace(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.produce(records(1, 1, 1)...)
	h := stuck{Handler: r.runner(nil), begun: make(chan struct{})}
	stop := r.start(r.source(func(c *kafka.SourceConfig) { c.Grace = time.Millisecond }), h)
	<-h.begun
	if err := stop(); err != nil {
		t.Errorf("Run: %v, want nil", err)
	}
}

func TestGroupReportsOffsetsToKafka(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.produce(records(9, 1, 10)...)
	r.start(r.source(nil), r.runner(nil))
	r.wantApplied(9, 10)
	adm := kadm.NewClient(r.cl)
	applicationtest.Eventually(t, func() error {
		lags, err := adm.Lag(t.Context(), group)
		if err != nil {
			return err
		}
		if lag := lags[group].Lag.Total(); lag != 0 {
			return errors.New("group has a lag")
		}
		return nil
	})
}

func TestGroupSurvivesStartsAndStops(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.produce(records(6, 1, 10)...)
	runner := r.runner(nil)
	for range 15 {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		if err := r.source(nil).Run(ctx, runner); err != nil {
			t.Errorf("Run: %v, want nil", err)
		}
		cancel()
	}
	r.start(r.source(nil), runner)
	r.wantApplied(6, 10)
}
