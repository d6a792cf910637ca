package kafka_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// newFakeRig is a laneRig whose broker can be told to fail.
func newFakeRig(t testing.TB) (*laneRig, *kfake.Cluster) {
	t.Helper()
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.DefaultNumPartitions(partitions))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	return newLaneRigOn(t, fake.ListenAddrs()[0]), fake
}

func wantRefused(t testing.TB, err, cause error, want ...int) {
	t.Helper()
	refused, ok := errors.AsType[*relaying.RefusedError](err)
	if !ok {
		t.Fatalf("commit: %v, want RefusedError", err)
	}
	var got []int
	for _, r := range refused.Refusals {
		got = append(got, r.Index)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("refused records: %s", diff)
	}
	if cause != nil && !errors.Is(err, cause) {
		t.Errorf("error %v, want %v", err, cause)
	}
	if errors.Is(err, eventlog.ErrUnavailable) || errors.Is(err, relaying.ErrFenced) {
		t.Errorf("error %v is of another kind too", err)
	}
}

// goOnWithout commits the batch without the refused records, in a new session.
func (n *node) goOnWithout(b relaying.Batch, indexes ...int) {
	n.rig.Helper()
	s, state := n.take(b.Progress.Lane.Number)
	if !state.IsNew() {
		n.rig.Fatalf("something of the refused batch was committed: %+v", state)
	}
	var rest []eventlog.Record
	for i, e := range b.Records {
		if !slices.Contains(indexes, i) {
			rest = append(rest, e)
		}
	}
	b.Records = rest
	n.rig.commit(s, b)
	if got := len(n.rig.committed(topic)); got != len(rest) {
		n.rig.Errorf("%d records published, want %d", got, len(rest))
	}
}

func TestRefusedTooLarge(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	n := r.node(nil)
	s, _ := n.take(0)
	b := r.batch(0, 1, 1, 20)
	b.Records[4].Payload = make([]byte, 2<<20)
	b.Records[11].Payload = make([]byte, 3<<20)
	wantRefused(t, s.Commit(t.Context(), b), kerr.MessageTooLarge, 4, 11)
	n.goOnWithout(b, 4, 11)
}

// A record that is just small enough goes, one byte more is refused: by the topic's own limit.
func TestRefusedByTheTopicsLimit(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	limit := "5000"
	if _, err := kadm.NewClient(r.cl).CreateTopic(t.Context(), 1, 1, map[string]*string{"max.message.bytes": &limit}, topic); err != nil {
		t.Fatal(err)
	}
	n := r.node(nil)
	fits := func(size int) bool {
		s, state := n.take(0)
		b := r.batch(0, state.Progress.Batches+1, 1, 30)
		b.Records[15].Payload = []byte(strings.Repeat("x", size))
		err := s.Commit(t.Context(), b)
		if err != nil {
			wantRefused(t, err, kerr.MessageTooLarge, 15)
		}
		return err == nil
	}
	from, to := 4000, 5000
	for from+1 < to {
		if mid := (from + to) / 2; fits(mid) {
			from = mid
		} else {
			to = mid
		}
	}
	largest := 0
	for _, record := range r.committed(topic) {
		largest = max(largest, len(record.Value))
	}
	if largest != from || from < 4500 {
		t.Errorf("largest published payload %d, want %d and more than 4500", largest, from)
	}
	if n.logs.count("one by one") > 0 {
		t.Error("the broker refused what was sent")
	}
}

// The broker takes less than it says: the record is found by sending one by one, and neighbours in the same batch aren't blamed.
func TestRefusedByTheBrokerAmongNeighbours(t *testing.T) {
	t.Parallel()
	r, fake := newFakeRig(t)
	if err := fake.CreateTopic(topic, 1, nil); err != nil {
		t.Fatal(err)
	}
	fake.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Err: kerr.MessageTooLarge, Count: -1,
		When: func(req kmsg.Request) bool { return strings.Contains(string(req.AppendTo(nil)), "poison") },
	})
	n := r.node(plain)
	s, _ := n.take(0)
	b := r.batch(0, 1, 1, 20)
	b.Records[7].Payload, b.Records[13].Payload = []byte("poison"), []byte("poison")
	err := s.Commit(t.Context(), b)
	if _, found := errors.AsType[*relaying.RefusedError](err); !found {
		if !errors.Is(err, eventlog.ErrUnavailable) {
			t.Fatalf("commit: %v, want ErrUnavailable", err)
		}
		s, _ = n.take(0)
		err = s.Commit(t.Context(), b)
	}
	wantRefused(t, err, kerr.MessageTooLarge, 7, 13)
	n.goOnWithout(b, 7, 13)
	if got := n.logs.count("one by one"); got != 1 {
		t.Errorf("%d lines about it, want 1", got)
	}
}

func plain(*kafka.LanesConfig) {}

func TestRefusedTopicName(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	n := r.node(nil)
	s, _ := n.take(0)
	b := r.batch(0, 1, 1, 10)
	b.Records[2].Topic, b.Records[9].Topic = "no/topic", ".."
	wantRefused(t, s.Commit(t.Context(), b), nil, 2, 9)
	if got := n.count(kmsg.Produce); got != 0 {
		t.Errorf("%d requests to produce, want none", got)
	}
	n.goOnWithout(b, 2, 9)
}

func TestRefusedTopicAuthorization(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]kmsg.Key{"when it is looked at": kmsg.Metadata, "when it is written to": kmsg.Produce} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, fake := newFakeRig(t)
			for _, name := range []string{topic, "secret"} {
				if err := fake.CreateTopic(name, partitions, nil); err != nil {
					t.Fatal(err)
				}
			}
			fake.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Topic: "secret", Err: kerr.TopicAuthorizationFailed, Count: -1})
			n := r.node(nil)
			s, _ := n.take(0)
			b := r.batch(0, 1, 1, 10)
			b.Records[2].Topic, b.Records[3].Topic = "secret", "secret"
			wantRefused(t, s.Commit(t.Context(), b), kerr.TopicAuthorizationFailed, 2, 3)
			n.goOnWithout(b, 2, 3)
		})
	}
}

func TestErrorsOfTheBrokerAreClassified(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		key  kmsg.Key
		err  *kerr.Error
		want error  // nil: permanent
		text string // of a permanent one
	}{
		{key: kmsg.EndTxn, err: kerr.ProducerFenced, want: relaying.ErrFenced},
		{key: kmsg.EndTxn, err: kerr.InvalidProducerEpoch, want: relaying.ErrFenced},
		{key: kmsg.Produce, err: kerr.InvalidProducerEpoch, want: relaying.ErrFenced},
		{key: kmsg.EndTxn, err: kerr.InvalidTxnState, want: eventlog.ErrUnavailable},
		{key: kmsg.EndTxn, err: kerr.UnknownServerError, want: eventlog.ErrUnavailable},
		{key: kmsg.EndTxn, err: kerr.TransactionalIDAuthorizationFailed, text: "transactional ids"},
		{key: kmsg.InitProducerID, err: kerr.TransactionalIDAuthorizationFailed, text: "transactional ids"},
		{key: kmsg.InitProducerID, err: kerr.ClusterAuthorizationFailed, text: "IdempotentWrite"},
		{key: kmsg.InitProducerID, err: kerr.InvalidTransactionTimeout, text: "transaction.max.timeout.ms"},
		{key: kmsg.InitProducerID, err: kerr.CoordinatorLoadInProgress, want: eventlog.ErrUnavailable},
	} {
		t.Run(tt.key.Name()+" "+tt.err.Message, func(t *testing.T) {
			t.Parallel()
			r, fake := newFakeRig(t)
			n := r.node(func(c *kafka.LanesConfig) { c.CommitTimeout, c.TakeTimeout = 10*time.Second, 10*time.Second })
			fault := kfake.Fault{Keys: []kmsg.Key{tt.key}, Err: tt.err, Count: -1, TopLevel: tt.key != kmsg.Produce}
			var err error
			if tt.key == kmsg.InitProducerID {
				fake.Fault(fault)
				_, _, err = n.Take(t.Context(), r.log, 0)
			} else {
				s, _ := n.take(0)
				fake.Fault(fault)
				err = s.Commit(t.Context(), r.batch(0, 1, 1, 5))
			}
			if tt.want == nil {
				wantPermanent(t, err, tt.text)
			} else if !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

// The lane's own record can't be parked: a person has to look.
func TestCursorTopicThatRefusesProgress(t *testing.T) {
	t.Parallel()
	for _, refusal := range []*kerr.Error{kerr.MessageTooLarge, kerr.InvalidRecord} {
		r, fake := newFakeRig(t)
		s, _ := r.node(nil).take(0)
		fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: cursorTopic, Err: refusal, Count: -1})
		wantPermanent(t, s.Commit(t.Context(), r.batch(0, 1, 1, 5)), cursorTopic)
	}
}
