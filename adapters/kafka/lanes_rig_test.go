package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/embedded/kafkatest"
	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
	"github.com/tenon-go/tenon/domain"
)

const cursorTopic = "tenon.relay.cursors"

// laneRig is a broker, a log that has only an identity, and a reader of what is committed.
type laneRig struct {
	testing.TB
	broker string
	log    uuid.UUID
	cl     *kgo.Client
}

func newLaneRig(t testing.TB) *laneRig {
	t.Helper()
	return newLaneRigOn(t, embeddedtest.Broker(t))
}

func newLaneRigOn(t testing.TB, broker string) *laneRig {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.MetadataMinAge(10*time.Millisecond), kgo.DisableClientMetrics(), kgo.UnknownTopicRetries(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return &laneRig{TB: t, broker: broker, log: uuid.New(), cl: cl}
}

// node is a program with lanes and its own way to the broker.
type node struct {
	*kafka.Lanes
	*wire
	rig  *laneRig
	logs *lines
}

func (r *laneRig) node(change func(*kafka.LanesConfig)) *node {
	r.Helper()
	n := &node{wire: newWire(r), rig: r, logs: new(lines)}
	lc := kafka.LanesConfig{}
	if change != nil {
		change(&lc)
	}
	lanes, err := kafka.NewLanes(kafka.Config{Brokers: []string{r.broker}, Dial: n.dial, Logger: n.logs.logger()}, lc)
	if err != nil {
		r.Fatal(err)
	}
	n.Lanes = lanes
	r.Cleanup(lanes.Close)
	return n
}

// hasty gives up as soon as a busy broker allows: an Apache Kafka takes a second for the first batch.
func hasty(c *kafka.LanesConfig) {
	c.CommitTimeout = time.Second
	if kafkatest.Chosen() {
		c.CommitTimeout = 4 * time.Second
	}
}

func (n *node) take(lane int) (relaying.Session, relaying.State) {
	n.rig.Helper()
	s, state, err := n.Take(n.rig.Context(), n.rig.log, lane)
	if err != nil {
		n.rig.Fatal(err)
	}
	n.rig.Cleanup(s.Close)
	return s, state
}

// event is the record at a position of the log, one of a few keys.
func event(position int64) eventlog.Record {
	return eventlog.Record{
		Position: position, ID: uuid.NewSHA1(uuid.Nil, []byte(strconv.FormatInt(position, 10))), Topic: topic, AggregateType: "thing",
		AggregateID: fmt.Sprintf("thing-%d", position%7), Version: domain.Version(position/7 + 1), Type: "thing.happened", SchemaVersion: 1,
		Payload: fmt.Appendf(nil, `{"n": %d}`, position), RecordedAt: time.Date(2026, 3, 4, 5, 6, 7, 8000, time.UTC),
	}
}

// batch is the nth of a lane, with the records from one position to another.
func (r *laneRig) batch(lane int, n, from, to int64) relaying.Batch {
	b := relaying.Batch{Progress: r.progress(lane, n)}
	for p := from; p <= to; p++ {
		e := event(p)
		b.Records = append(b.Records, e)
		b.Progress.Last = relaying.Mark{Position: p, Event: e.ID}
	}
	return b
}

func (r *laneRig) progress(lane int, n int64) relaying.Progress {
	return relaying.Progress{
		Log: r.log, Timeline: "1", Epoch: 2, Lane: relaying.Lane{Number: lane, Of: 4}, Batches: n,
		Cursor: eventlog.Cursor(fmt.Sprintf("10:20:15;10:20:15;%d", n)),
	}
}

func (r *laneRig) commit(s relaying.Session, b relaying.Batch) {
	r.Helper()
	if err := s.Commit(r.Context(), b); err != nil {
		r.Fatal(err)
	}
}

// committed returns the records that a read_committed consumer sees, by partition in their order.
func (r *laneRig) committed(topics ...string) []*kgo.Record {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	adm := kadm.NewClient(r.cl)
	var ends kadm.ListedOffsets
	applicationtest.Eventually(r, func() error { // a commit is answered before its marks are in all partitions
		written, err := adm.ListEndOffsets(ctx, topics...)
		if err != nil {
			return err
		}
		if ends, err = adm.ListCommittedOffsets(ctx, topics...); err != nil {
			return err
		}
		written.Each(func(o kadm.ListedOffset) {
			if stable, _ := ends.Lookup(o.Topic, o.Partition); stable.Offset < o.Offset {
				err = fmt.Errorf("partition %d of topic %s is undecided from offset %d to %d", o.Partition, o.Topic, stable.Offset, o.Offset)
			}
		})
		return err
	})
	cl, err := kgo.NewClient(kgo.SeedBrokers(r.broker), kgo.ConsumeTopics(topics...), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.KeepControlRecords(), kgo.DisableClientMetrics(), kgo.FetchMaxWait(10*time.Millisecond))
	if err != nil {
		r.Fatal(err)
	}
	defer cl.Close()
	open := make(map[string]int64)
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			open[fmt.Sprint(o.Topic, o.Partition)] = o.Offset - 1
		}
	})
	var all []*kgo.Record
	for len(open) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			r.Fatal(err)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			if p := fmt.Sprint(record.Topic, record.Partition); record.Offset >= open[p] {
				delete(open, p)
			}
			if !record.Attrs.IsControl() {
				all = append(all, record)
			}
		})
	}
	return all
}

// wantPublished checks that the topic holds positions 1 to last once each, a key's in order.
func (r *laneRig) wantPublished(last int64) {
	r.Helper()
	r.wantPositions(topic, 1, last)
}

func (r *laneRig) wantPositions(name string, first, last int64) {
	r.Helper()
	newest := make(map[string]int64)
	var seen []int64
	for _, record := range r.committed(name) {
		p, err := strconv.ParseInt(header(record, relaying.HeaderPosition), 10, 64)
		if err != nil {
			r.Fatal(err)
		}
		if key := string(record.Key); p <= newest[key] {
			r.Errorf("key %s: position %d after %d", key, p, newest[key])
		} else {
			newest[key] = p
		}
		seen = append(seen, p)
	}
	slices.Sort(seen)
	for i, p := range seen {
		if p != first+int64(i) {
			r.Fatalf("published positions %v, want %d to %d once each", seen, first, last)
		}
	}
	if int64(len(seen)) != last-first+1 {
		r.Fatalf("%d records published, want positions %d to %d", len(seen), first, last)
	}
}

// wantBatches takes the lane at another node, where nothing is known, and compares.
func (r *laneRig) wantBatches(lane int, want int64) {
	r.Helper()
	var state relaying.State
	n := r.node(nil)
	applicationtest.Eventually(r, func() error {
		s, got, err := n.Take(r.Context(), r.log, lane)
		if err == nil {
			s.Close()
			state = got
		}
		return err
	})
	if state.Progress.Batches != want {
		r.Fatalf("lane %d has %d batches, want %d", lane, state.Progress.Batches, want)
	}
}

// produceTo writes a record into the cursor topic, as somebody might by mistake.
func (r *laneRig) produceTo(partition int32, key, value string) {
	r.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(r.broker), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableClientMetrics(), kgo.UnknownTopicRetries(-1))
	if err != nil {
		r.Fatal(err)
	}
	defer cl.Close()
	record := &kgo.Record{Topic: cursorTopic, Partition: partition, Key: []byte(key), Value: []byte(value)}
	if err := cl.ProduceSync(r.Context(), record).FirstErr(); err != nil {
		r.Fatal(err)
	}
}

// wantPermanent checks that err is one that no waiting mends, and says what it is about.
func wantPermanent(t testing.TB, err error, parts ...string) {
	t.Helper()
	if err == nil || errors.Is(err, eventlog.ErrUnavailable) || errors.Is(err, relaying.ErrFenced) {
		t.Fatalf("error %v, want one that needs a person", err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error doesn't mention %q: %v", part, err)
		}
	}
}
