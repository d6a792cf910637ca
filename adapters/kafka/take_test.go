package kafka_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

func TestTakeANewLane(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	_, state := r.node(nil).take(3)
	if diff := cmp.Diff(relaying.State{}, state); diff != "" || !state.IsNew() {
		t.Error(diff)
	}
}

// A new broker knows none of the topics: that is no trouble, and nothing has to be tried again.
func TestFirstStartIsQuiet(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	n, rival := r.node(nil), r.node(nil)
	type result struct {
		s   relaying.Session
		err error
	}
	results := make(chan result, 4)
	for lane, on := range []*node{n, n, rival, rival} {
		go func() {
			s, _, err := on.Take(t.Context(), r.log, lane)
			if err == nil {
				err = s.Commit(t.Context(), r.batch(lane, 1, int64(lane+1), int64(lane+1)))
			}
			results <- result{s, err}
		}()
	}
	for range 4 {
		got := <-results
		if got.err != nil {
			t.Error(got.err)
		}
		if got.s != nil {
			got.s.Close()
		}
	}
	r.wantPublished(4)
	for _, name := range []string{cursorTopic, topic} {
		created := `msg="topic created" topic=` + name
		if got := n.logs.count(created) + rival.logs.count(created); got != 1 {
			t.Errorf("%d lines say that topic %s was created, want 1", got, name)
		}
	}
	if got := n.logs.count("level=") + rival.logs.count("level="); got != 2 {
		t.Errorf("%d lines logged, want 2: %q %q", got, n.logs.all, rival.logs.all)
	}
}

func TestTakeReturnsWhatWasCommittedLast(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	s, _ := r.node(nil).take(3)
	for n := int64(1); n <= 7; n++ {
		r.commit(s, r.batch(3, n, n, n))
	}
	want := r.batch(3, 7, 7, 7).Progress
	_, state := r.node(nil).take(3)
	if diff := cmp.Diff(relaying.State{Progress: want}, state); diff != "" {
		t.Error(diff)
	}
}

func TestTakeKnowsThatALayoutHasEnded(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	n := r.node(nil)
	s, _ := n.take(0)
	b := relaying.Batch{Progress: r.progress(0, 1)}
	b.Progress.Closed = true
	r.commit(s, b)
	if _, state := n.take(0); !state.Progress.Closed {
		t.Errorf("state %+v isn't closed", state)
	}
}

// The old session is fenced in each of its states: whatever producer's turn it is, it commits nothing any more.
func TestTakeFencesAnIdleSession(t *testing.T) {
	t.Parallel()
	for _, used := range []int64{0, 1, 2, 3, 5} {
		t.Run(fmt.Sprintf("after %d batches", used), func(t *testing.T) {
			t.Parallel()
			r := newLaneRig(t)
			old, _ := r.node(nil).take(0)
			for n := int64(1); n <= used; n++ {
				r.commit(old, r.batch(0, n, n, n))
			}
			next, state := r.node(nil).take(0)
			if state.Progress.Batches != used {
				t.Errorf("taken over at batch %d, want %d", state.Progress.Batches, used)
			}
			if err := old.Commit(t.Context(), r.batch(0, used+1, 1000, 1000)); !errors.Is(err, relaying.ErrFenced) {
				t.Errorf("the old session's commit: %v, want ErrFenced", err)
			}
			r.commit(next, r.batch(0, used+1, used+1, used+1))
			r.wantPublished(used + 1)
		})
	}
}

func TestTakeFencesASessionInMidTransaction(t *testing.T) {
	t.Parallel()
	for used := range int64(3) {
		t.Run(fmt.Sprintf("producer %d", (used+1)%3), func(t *testing.T) {
			t.Parallel()
			r := newLaneRig(t)
			node := r.node(nil)
			old, _ := node.take(0)
			for n := int64(1); n <= used; n++ {
				r.commit(old, r.batch(0, n, n, n))
			}
			sent, goOn := make(chan struct{}), make(chan struct{})
			node.atEnd(func(*conn) bool { close(sent); <-goOn; return true })
			result := make(chan error, 1)
			go func() { result <- old.Commit(t.Context(), r.batch(0, used+1, 1000, 1050)) }()
			<-sent // all of its records are with the broker
			next, state := r.node(nil).take(0)
			close(goOn)
			// This broker takes the late commit for the repetition of an abort and says INVALID_TXN_STATE.
			if err := <-result; !errors.Is(err, relaying.ErrFenced) && !errors.Is(err, eventlog.ErrUnavailable) {
				t.Errorf("the old session's commit: %v, want ErrFenced or ErrUnavailable", err)
			}
			if state.Progress.Batches != used {
				t.Errorf("taken over at batch %d, want %d", state.Progress.Batches, used)
			}
			r.commit(next, r.batch(0, used+1, used+1, used+1))
			r.wantPublished(used + 1)
		})
	}
}

func TestTakeIgnoresAnotherLogsProgress(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	n := r.node(nil)
	s, _ := n.take(0)
	b := r.batch(0, 1, 1, 1)
	b.Park = []relaying.Parked{parked("a", 9)}
	r.commit(s, b)
	other := newLaneRigOn(t, r.broker)
	if _, state := other.node(nil).take(0); !state.IsNew() || len(state.Parked) > 0 {
		t.Errorf("state %+v of a new log, want none", state)
	}
	if _, state := n.take(0); state.Progress.Batches != 1 {
		t.Errorf("state %+v, want the lane's own", state)
	}
}

// A partition that compaction hasn't been at: the newest progress is near the end, and only that is read.
func TestTakeReadsFewOfManyCursorRecords(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	n := r.node(nil)
	s, _ := n.take(0)
	r.fill(0, 20_000)
	r.commit(s, r.batch(0, 1, 1, 1))
	before := n.count(kmsg.Fetch)
	if _, state := n.take(0); state.Progress.Batches != 1 {
		t.Errorf("state %+v, want batch 1", state)
	}
	if got := n.count(kmsg.Fetch) - before; got > 2 {
		t.Errorf("%d fetches for the newest record, want at most 2", got)
	}
}

// A progress behind which there is a lot of another log's.
func TestTakeFindsProgressFarFromTheEnd(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	n := r.node(nil)
	s, _ := n.take(0)
	r.fill(0, 3000)
	r.commit(s, r.batch(0, 1, 1, 1))
	r.fill(0, 20_000)
	before := n.count(kmsg.Fetch)
	if _, state := n.take(0); state.Progress.Batches != 1 {
		t.Errorf("state %+v, want batch 1", state)
	}
	if got := n.count(kmsg.Fetch) - before; got > 10 {
		t.Errorf("%d fetches, want at most 10", got)
	}
}

// fill writes cursor records of other logs.
func (r *laneRig) fill(lane int32, n int) {
	r.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(r.broker), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableClientMetrics(), kgo.UnknownTopicRetries(-1))
	if err != nil {
		r.Fatal(err)
	}
	defer cl.Close()
	all := make([]*kgo.Record, n)
	for i := range all {
		all[i] = &kgo.Record{Topic: cursorTopic, Partition: lane, Key: fmt.Appendf(nil, "%s/%d/progress", uuid.New(), lane), Value: make([]byte, 200)}
	}
	if err := cl.ProduceSync(r.Context(), all...).FirstErr(); err != nil {
		r.Fatal(err)
	}
}

func TestTakeRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	for want, value := range map[string]string{
		"its format is 2, this program knows 1": `{"format": 2, "batches": 7}`,
		"invalid character":                     `nonsense`,
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			r := newLaneRig(t)
			n := r.node(nil)
			n.take(0)
			key := fmt.Sprintf("%s/0/progress", r.log)
			r.produceTo(0, key, value)
			_, _, err := n.Take(t.Context(), r.log, 0)
			wantPermanent(t, err, want, cursorTopic, key)
		})
	}
}
