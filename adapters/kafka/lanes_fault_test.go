package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/embedded/kafkatest"
	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

func rounds(few, all int) int {
	if os.Getenv("TENON_TORTURE") != "" {
		return all
	}
	return few
}

// The answer to the commit is lost: the session can't know what became of it, and the next Take tells the truth.
func TestFaultLostAnswerOfACommit(t *testing.T) {
	t.Parallel()
	for _, committed := range []bool{false, true} {
		t.Run(fmt.Sprintf("committed %v", committed), func(t *testing.T) {
			t.Parallel()
			r := newLaneRig(t)
			n := r.node(hasty)
			done := int64(0) // batches of one record, by what Take has told
			for range rounds(4, 40) {
				s, state := n.take(0)
				if state.Progress.Batches != done {
					t.Fatalf("Take tells %d batches, want %d", state.Progress.Batches, done)
				}
				r.commit(s, r.batch(0, done+1, done+1, done+1))
				done++
				n.loseAnswer(committed)
				if err := s.Commit(t.Context(), r.batch(0, done+1, done+1, done+1)); !errors.Is(err, eventlog.ErrUnavailable) {
					t.Fatalf("commit: %v, want ErrUnavailable", err)
				}
				if committed {
					done++
				}
				n.mend()
			}
			r.wantBatches(0, done)
			r.wantPublished(done)
		})
	}
}

func TestFaultBrokerAcceptsAndNeverAnswers(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	n := r.node(func(c *kafka.LanesConfig) {
		c.CommitTimeout, c.TakeTimeout = 100*time.Millisecond, 3*time.Second
	})
	r.node(nil).take(0) // makes the topic, which may take a moment
	s, _ := n.take(0)
	n.muted.Store(true)
	err := s.Commit(t.Context(), r.batch(0, 1, 1, 1))
	if !errors.Is(err, eventlog.ErrUnavailable) || !strings.Contains(err.Error(), "no outcome within 100ms") {
		t.Errorf("commit: %v, want ErrUnavailable after its limit", err)
	}
	if _, _, err := n.Take(t.Context(), r.log, 0); !errors.Is(err, eventlog.ErrUnavailable) {
		t.Errorf("take: %v, want ErrUnavailable", err)
	}
	n.muted.Store(false)
	n.cut() // what was swallowed is not answered any more
	n.mend()
	r.wantBatches(0, 0)
}

func TestFaultCommitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	n := r.node(nil)
	s, _ := n.take(0)
	ctx, cancel := context.WithCancel(t.Context())
	n.atEnd(func(*conn) bool { n.muted.Store(true); cancel(); return true })
	if err := s.Commit(ctx, r.batch(0, 1, 1, 1)); !errors.Is(err, context.Canceled) || errors.Is(err, eventlog.ErrUnavailable) {
		t.Errorf("commit: %v, want the context's error", err)
	}
}

// Nothing is left when a node with hanging sessions is closed.
func TestFaultNoGoroutineIsLeft(t *testing.T) {
	r := newLaneRig(t)
	r.committed(topic)
	runtime.GC()
	n := r.node(hasty)
	for lane := range 3 {
		s, _ := n.take(lane)
		n.atEnd(func(*conn) bool { n.muted.Store(true); return true })
		_ = s.Commit(t.Context(), r.batch(lane, 1, 1, 1))
		n.muted.Store(false)
		n.cut()
		n.mend()
	}
	n.Close()
	n.cut()
	applicationtest.Eventually(t, func() error {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		for stack := range strings.SplitSeq(string(stacks), "\n\n") {
			if strings.Contains(stack, "kafka.(*session)") || strings.Contains(stack, "kafka.(*transaction)") ||
				strings.Contains(stack, "kafka.(*Lanes)") || strings.Contains(stack, "kafka.fence") {
				return fmt.Errorf("left behind: %s", stack)
			}
		}
		return nil
	})
}

// relay publishes positions in batches of five until last, through whatever happens, as a relay does.
func (n *node) relay(lane int, last int64) error {
	ctx := n.rig.Context()
	for {
		err := n.relayOnce(ctx, lane, last)
		if err == nil || ctx.Err() != nil || !errors.Is(err, eventlog.ErrUnavailable) && !errors.Is(err, relaying.ErrFenced) {
			return err
		}
	}
}

func (n *node) relayOnce(ctx context.Context, lane int, last int64) error {
	s, state, err := n.Take(ctx, n.rig.log, lane)
	if err != nil {
		return err
	}
	defer s.Close()
	for b := state.Progress.Batches + 1; 5*b <= last; b++ {
		if err := s.Commit(ctx, n.rig.batch(lane, b, 5*b-4, 5*b)); err != nil {
			return err
		}
	}
	return nil
}

// The broker dies while no commit is in hand.
func TestFaultBrokerKilledBetweenCommits(t *testing.T) {
	t.Parallel()
	broker := embeddedtest.BrokerProcess(t, t.TempDir(), embeddedtest.Partitions(partitions))
	r := newLaneRigOn(t, broker.Addr())
	n := r.node(func(c *kafka.LanesConfig) { c.CommitTimeout = 2 * time.Second })
	s, _ := n.take(0)
	done := int64(0)
	for range rounds(4, 40) {
		for range 4 {
			done++
			r.commit(s, r.batch(0, done, 5*done-4, 5*done))
		}
		if err := errors.Join(broker.Kill(), broker.Start()); err != nil {
			t.Fatal(err)
		}
		if err := n.relay(0, 5*done+50); err != nil {
			t.Fatal(err)
		}
		done += 10
		s, _ = n.take(0)
	}
	r.wantPublished(5 * done)
	r.wantBatches(0, done)
}

// The broker dies while no commit is in hand, and when it has all records of one and waits for its end.
func TestFaultBrokerKilledBetweenAndWithinCommits(t *testing.T) {
	if !kafkatest.Chosen() {
		t.Skip("the embedded broker writes no mark for a transaction that its crash has aborted: make test-kafka runs it")
	}
	t.Parallel()
	broker := embeddedtest.BrokerProcess(t, t.TempDir())
	r := newLaneRigOn(t, broker.Addr())
	n := r.node(func(c *kafka.LanesConfig) { c.CommitTimeout = 2 * time.Second })
	restart := func() {
		if err := errors.Join(broker.Kill(), broker.Start()); err != nil {
			t.Error(err)
		}
	}
	last := int64(0)
	for range rounds(2, 40) {
		n.atEnd(func(*conn) bool { restart(); return true })
		for range 2 {
			last += 50
			if err := n.relay(0, last); err != nil {
				t.Fatal(err)
			}
			restart()
		}
	}
	r.wantBatches(0, last/5) // first, for who takes the lane ends what the last crash has left open
	r.wantPublished(last)
}

// Two nodes that both believe to have the lane take it from each other all the time.
func TestFaultRivalsPublishOnce(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	last := int64(rounds(500, 10_000))
	done := make(chan error, 2)
	for range 2 {
		n := r.node(nil)
		go func() { done <- n.relay(0, last) }()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	r.wantPublished(last)
}
