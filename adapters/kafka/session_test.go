package kafka_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// What is published is what the relay over Watermill publishes: see TestPublisherRecord's golden file.
func TestCommitPublishesEventsAndMessages(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*kafka.LanesConfig){
		"lane_record.txt":            nil,
		"lane_record_cloudevent.txt": func(c *kafka.LanesConfig) { c.CloudEvents, c.Source = true, "/shop" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newLaneRig(t)
			s, _ := r.node(change).take(0)
			e := event(41)
			e.ID = uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057")
			e.CorrelationID, e.CausationID, e.Traceparent = "corr", "cause", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
			e.Payload = []byte("{\"b\":  1.50,\n \"a\": \"\\u00e4\"}")
			message := eventlog.Record{
				Position: 42, ID: uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8058"), Topic: topic, Type: "mail.wanted", SchemaVersion: 1,
				Payload: []byte("{}"), RecordedAt: e.RecordedAt,
			}
			b := relaying.Batch{Progress: r.progress(0, 1), Records: []eventlog.Record{e, message}}
			r.commit(s, b)
			all := r.committed(topic)
			slices.SortFunc(all, func(a, b *kgo.Record) int { return bytes.Compare(b.Key, a.Key) })
			var text strings.Builder
			for i, got := range all {
				fmt.Fprintf(&text, "key: %q\nvalue: %q\n", got.Key, got.Value)
				for _, h := range got.Headers {
					fmt.Fprintf(&text, "%s: %q\n", h.Key, h.Value)
				}
				want := relaying.Headers(&b.Records[i])
				for n, h := range want {
					if got.Headers[n].Key != h.Name || string(got.Headers[n].Value) != h.Value {
						t.Errorf("header %d is %s, want %s", n, got.Headers[n].Key, h.Name)
					}
				}
			}
			golden(t, name, text.String())
		})
	}
}

// Readers may see records of both relays on a topic: a key has to be on one partition.
func TestCommitPutsKeysWhereThePublisherPutsThem(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	s, _ := r.node(nil).take(0)
	p := newPublisher(t, kafka.Config{Brokers: []string{r.broker}})
	b := relaying.Batch{Progress: r.progress(0, 1)}
	for i := range 30 {
		e := event(int64(i + 1))
		e.AggregateID = strings.Repeat("ä", i) // the empty key too
		b.Records = append(b.Records, e)
		if err := p.Publish(topic, eventMessage(e.AggregateID, i)); err != nil {
			t.Fatal(err)
		}
	}
	r.commit(s, b)
	at := make(map[string]int32)
	for _, record := range r.committed(topic) {
		if before, ok := at[string(record.Key)]; ok && before != record.Partition {
			t.Errorf("key %q is on partitions %d and %d", record.Key, before, record.Partition)
		}
		at[string(record.Key)] = record.Partition
	}
	if len(at) != 30 {
		t.Errorf("%d keys, want 30", len(at))
	}
}

func TestCommitsKeepTheOrderOverAllProducers(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	for _, k := range []int{1, 3} {
		lane := k
		s, _ := r.node(func(c *kafka.LanesConfig) { c.Producers = k }).take(lane)
		name := fmt.Sprintf("topic-%d", k)
		for n := int64(1); n <= 300; n++ {
			b := r.batch(lane, n, 5*n-4, 5*n)
			for i := range b.Records {
				b.Records[i].Topic = name
			}
			r.commit(s, b)
		}
		r.wantPositions(name, 1, 1500)
		r.wantBatches(lane, 300)
	}
}

func TestCommitOfProgressAlone(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	s, _ := r.node(nil).take(0)
	r.commit(s, relaying.Batch{Progress: r.progress(0, 1)})
	r.wantBatches(0, 1)
}

func parked(id string, position int64) relaying.Parked {
	return relaying.Parked{
		Key: relaying.Key{AggregateType: "thing/s", AggregateID: id}, Position: position, Event: event(position).ID, Topic: topic,
		Reason: "too large", Since: time.Date(2026, 3, 4, 5, 6, 7, 8000, time.UTC), Attempts: 1,
	}
}

func TestParkedKeysSurviveTakeOversUntilTheyAreReleased(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	n := int64(0)
	step := func(park []relaying.Parked, release []string, want ...relaying.Parked) {
		t.Helper()
		s, _ := r.node(nil).take(0)
		n++
		b := relaying.Batch{Progress: r.progress(0, n), Park: park}
		for _, id := range release {
			b.Release = append(b.Release, parked(id, 0).Key)
		}
		r.commit(s, b)
		_, state := r.node(nil).take(0)
		byID := cmpopts.SortSlices(func(a, b relaying.Parked) bool { return a.AggregateType+a.AggregateID < b.AggregateType+b.AggregateID })
		if diff := cmp.Diff(want, state.Parked, byID, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("after batch %d: %s", n, diff)
		}
	}
	again := parked("a", 1)
	again.Attempts = 2
	odd := parked("b/../%2F/ä\xff", 2)
	message := relaying.Parked{Key: relaying.Key{AggregateID: "a"}, Position: 9, Since: again.Since}
	step([]relaying.Parked{parked("a", 1), odd}, nil, parked("a", 1), odd)
	step([]relaying.Parked{again, message}, nil, again, odd, message)
	step(nil, nil, again, odd, message)
	step(nil, []string{"a", "never parked"}, odd, message)
	step([]relaying.Parked{parked("a", 3)}, []string{odd.AggregateID}, parked("a", 3), message)
}

func TestTakeNoticesThatParkedKeysWereDeleted(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	n := r.node(nil)
	s, _ := n.take(0)
	r.commit(s, relaying.Batch{Progress: r.progress(0, 1), Park: []relaying.Parked{parked("a", 1)}})
	r.commit(s, r.batch(0, 2, 2, 2))
	at := make(kadm.Offsets)
	at.Add(kadm.Offset{Topic: cursorTopic, Partition: 0, At: 2})
	deleted, err := kadm.NewClient(r.cl).DeleteRecords(t.Context(), at)
	if err == nil {
		err = deleted.Error()
	}
	if errors.Is(err, kerr.PolicyViolation) {
		t.Skip("Apache Kafka deletes nothing from a compacted topic when it is asked to")
	}
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = n.Take(t.Context(), r.log, 0)
	wantPermanent(t, err, "0 parked keys", "speaks of 1", cursorTopic)
}

func TestCommitAfterAnErrorSaysThatTheSessionIsDead(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	n := r.node(nil)
	for name, spoil := range map[string]func(relaying.Session){
		"closed":        func(s relaying.Session) { s.Close(); s.Close() },
		"foreign batch": func(s relaying.Session) { _ = s.Commit(t.Context(), r.batch(1, 1, 1, 1)) },
		"cancelled": func(s relaying.Session) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := s.Commit(ctx, r.batch(0, 1, 1, 1)); !errors.Is(err, context.Canceled) {
				t.Errorf("commit with a cancelled context: %v", err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := n.take(0)
			spoil(s)
			if err := s.Commit(t.Context(), r.batch(0, 1, 1, 1)); err == nil || !strings.Contains(err.Error(), "take the lane again") {
				t.Errorf("commit: %v, want an error that says to take the lane again", err)
			}
		})
	}
}

func TestCloseEndsACommitInHand(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	for name, end := range map[string]func(*node, relaying.Session){
		"session": func(_ *node, s relaying.Session) { s.Close() },
		"lanes":   func(n *node, _ relaying.Session) { n.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			n := r.node(nil)
			s, _ := n.take(0)
			sent := make(chan struct{})
			n.atEnd(func(*conn) bool { n.muted.Store(true); close(sent); return true })
			var all sync.WaitGroup
			all.Go(func() {
				if err := s.Commit(t.Context(), r.batch(0, 1, 1, 1)); err == nil {
					t.Error("commit succeeded")
				}
			})
			<-sent
			end(n, s)
			all.Wait()
		})
	}
}

func TestTakeAfterClose(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	n := r.node(nil)
	n.take(0)
	n.Close()
	n.Close()
	_, _, err := n.Take(t.Context(), r.log, 0)
	wantPermanent(t, err, "closed")
}

// A transaction of one lane that hangs doesn't hold another lane back: not its commits, and not its being taken.
func TestLanesDontHoldEachOtherBack(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	n := r.node(nil)
	hanging, _ := n.take(0)
	s, _ := n.take(1)
	sent, goOn := make(chan struct{}), make(chan struct{})
	n.atEnd(func(*conn) bool { close(sent); <-goOn; return true })
	var all sync.WaitGroup
	all.Go(func() { _ = hanging.Commit(t.Context(), r.batch(0, 1, 1, 10)) })
	<-sent
	for i := int64(1); i <= 10; i++ {
		b := r.batch(1, i, 10+i, 10+i)
		b.Records[0].Topic = "other"
		r.commit(s, b)
	}
	if _, state := r.node(nil).take(1); state.Progress.Batches != 10 {
		t.Errorf("lane 1 has %d batches, want 10", state.Progress.Batches)
	}
	r.wantPositions("other", 11, 20)
	close(goOn)
	all.Wait()
}
