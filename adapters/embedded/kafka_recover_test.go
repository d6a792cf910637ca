package embedded_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
)

// A sequence is written by producers in turn, as an exactly-once relay does: its records and the number of
// the last one in the same transaction.
const (
	events  = "events"
	cursors = "cursors"
)

func TestKillFaultLeavesEachCommittedRecordOnce(t *testing.T) {
	t.Parallel()
	rounds := 12
	if os.Getenv("TENON_TORTURE") != "" {
		rounds = 80
	}
	for _, ids := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d producers", ids), func(t *testing.T) {
			t.Parallel()
			broker := embeddedtest.BrokerProcess(t, t.TempDir(), embeddedtest.Partitions(3))
			for round := range rounds {
				relayUntilKilled(t, broker, ids)
				for range round%2 + 1 { // every other round two starts in a row
					restart(t, broker)
				}
			}
			checkSequence(t, broker.Addr(), lastCommitted(t, broker.Addr()))
		})
	}
}

func restart(t *testing.T, broker *embeddedtest.Process) {
	t.Helper()
	if err := errors.Join(broker.Kill(), broker.Start()); err != nil {
		t.Fatal(err)
	}
}

// relayUntilKilled commits a few transactions, then kills the broker while it goes on.
func relayUntilKilled(t *testing.T, broker *embeddedtest.Process, ids int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	producers := make([]*kgo.Client, ids)
	for i := range producers {
		producers[i] = kafkaClient(t, broker.Addr(), kgo.TransactionalID("relay-"+strconv.Itoa(i)),
			kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(50*time.Millisecond), kgo.DisableClientMetrics())
		if _, _, err := producers[i].ProducerID(ctx); err != nil {
			t.Fatal(err)
		}
	}
	next := lastCommitted(t, broker.Addr()) + 1
	before := 1 + rand.IntN(2*ids)
	killAfter := rand.N(4 * time.Millisecond)
	killed := make(chan error, 1)
	for n := 0; ; n++ {
		if n == before {
			go func() {
				<-time.After(killAfter)
				err := broker.Kill()
				for _, cl := range producers { // an idempotent producer heeds no context while the broker is gone
					cl.Close()
				}
				killed <- err
			}()
		}
		size := 1 + rand.IntN(40)
		if err := commitBatch(ctx, producers[n%ids], next, size); err != nil {
			if n < before {
				t.Fatalf("transaction before the kill: %v", err)
			}
			break
		}
		next += size
	}
	if err := <-killed; err != nil {
		t.Fatal(err)
	}
}

func commitBatch(ctx context.Context, cl *kgo.Client, from, size int) error {
	if err := cl.BeginTransaction(); err != nil {
		return err
	}
	for seq := from; seq < from+size; seq++ {
		cl.Produce(ctx, record(events, seq%3, seq), nil)
		if rand.IntN(8) == 0 {
			if err := cl.Flush(ctx); err != nil {
				return err
			}
		}
	}
	if err := cl.ProduceSync(ctx, record(cursors, 0, from+size-1)).FirstErr(); err != nil {
		return err
	}
	if err := cl.Flush(ctx); err != nil {
		return err
	}
	return cl.EndTransaction(ctx, kgo.TryCommit)
}

func record(topic string, partition, seq int) *kgo.Record {
	return &kgo.Record{Topic: topic, Partition: int32(partition), Key: []byte("k"), Value: []byte(strconv.Itoa(seq))}
}

// lastCommitted reads the cursor back; 0 when there is none.
func lastCommitted(t *testing.T, addr string) int {
	t.Helper()
	last := 0
	for _, r := range readCommitted(t, addr, cursors) {
		last = sequenceOf(t, r)
	}
	return last
}

func checkSequence(t *testing.T, addr string, last int) {
	t.Helper()
	var got []int
	order := make(map[int32]int)
	for _, r := range readCommitted(t, addr, events) {
		seq := sequenceOf(t, r)
		if seq <= order[r.Partition] {
			t.Errorf("partition %d: %d follows %d", r.Partition, seq, order[r.Partition])
		}
		order[r.Partition] = seq
		got = append(got, seq)
	}
	slices.Sort(got)
	seen := make(map[int]int, len(got))
	for _, seq := range got {
		seen[seq]++
	}
	missing, doubled := 0, 0
	for seq := 1; seq <= last; seq++ {
		missing += max(0, 1-seen[seq])
		doubled += max(0, seen[seq]-1)
	}
	if beyond := len(got) - last + missing - doubled; missing+doubled+beyond != 0 || last == 0 {
		t.Errorf("of %d committed: %d missing, %d doubled, %d never committed", last, missing, doubled, beyond)
	}
}

func sequenceOf(t *testing.T, r *kgo.Record) int {
	t.Helper()
	seq, err := strconv.Atoi(string(r.Value))
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

// readCommitted returns a topic's committed records, by partition and offset. A last record outside of any
// transaction tells the end of each partition, whatever the reader drops before.
func readCommitted(t *testing.T, addr, topic string) []*kgo.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	topics, err := admin(t, addr).ListTopics(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	cl := kafkaClient(t, addr, kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.DisableClientMetrics())
	defer cl.Close()
	left := make(map[int32]int64)
	for p := range topics[topic].Partitions {
		end := &kgo.Record{Topic: topic, Partition: p}
		if err := cl.ProduceSync(ctx, end).FirstErr(); err != nil {
			t.Fatal(err)
		}
		left[p] = end.Offset
	}
	var got []*kgo.Record
	for len(left) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("read %s, left to read %v: %v", topic, left, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Value != nil {
				got = append(got, r)
			}
			if r.Offset >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
	slices.SortStableFunc(got, func(a, b *kgo.Record) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return got
}
