package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/projection"
)

func TestFetchLeavesOutAbortedRecords(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	txn, err := kgo.NewClient(kgo.SeedBrokers(r.cfg.Brokers...), kgo.TransactionalID("txn"), kgo.DisableClientMetrics())
	if err != nil {
		t.Fatal(err)
	}
	defer txn.Close()
	for v := 1; v <= 10; v++ {
		for _, end := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
			if err := txn.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			if err := txn.ProduceSync(t.Context(), records(3, v, v)...).FirstErr(); err != nil {
				t.Fatal(err)
			}
			if err := txn.EndTransaction(t.Context(), end); err != nil {
				t.Fatal(err)
			}
		}
	}
	r.start(r.source(nil), r.runner(nil))
	r.wantApplied(3, 10)
}

// counted are connections of which is known how much came in.
type counted struct {
	net.Conn
	read *atomic.Int64
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.read.Add(int64(n))
	return n, err
}

// slow holds the calls for one partition until it is let go.
type slow struct {
	projection.Handler
	letGo chan struct{}
}

func (h slow) Handle(ctx context.Context, p projection.Partition, from int64, batch []projection.Delivery) (int64, error) {
	if p.Number == 0 {
		<-h.letGo
	}
	return h.Handler.Handle(ctx, p, from, batch)
}

func TestFetchPausesASlowPartitionOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const aggregates, versions, size = 12, 60, 50_000
	all := records(aggregates, 1, versions)
	for _, rec := range all {
		rec.Value = []byte("{" + strings.Repeat(" ", size) + "}")
	}
	r.produce(all...)
	moving := make(map[string]bool) // aggregates of partitions that aren't slow
	for _, rec := range all {
		if rec.Partition != 0 {
			moving[string(rec.Key)] = true
		}
	}
	if len(moving) == 0 || len(moving) == aggregates {
		t.Fatalf("%d of %d aggregates aren't on partition 0: choose other keys", len(moving), aggregates)
	}
	var read atomic.Int64
	r.cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return counted{conn, &read}, err
	}
	h := slow{Handler: r.runner(nil), letGo: make(chan struct{})}
	letGo := sync.OnceFunc(func() { close(h.letGo) })
	t.Cleanup(letGo)
	r.start(r.source(func(c *kafka.SourceConfig) { c.MaxBuffered, c.MaxBatch = 200_000, 20 }), h)
	applicationtest.Eventually(t, func() error {
		applied := r.applied()
		for aggregate := range moving {
			if n := len(applied[aggregate]); n < versions {
				return fmt.Errorf("%s: %d of %d versions applied", aggregate, n, versions)
			}
		}
		return nil
	})
	still := int64(aggregates-len(moving)) * versions * size
	if got, most := read.Load(), int64(aggregates*versions*size)-still/2; got > most {
		t.Errorf("%d bytes were fetched while %d of them stood still, want at most %d: the partition wasn't paused", got, still, most)
	}
	letGo()
	r.wantApplied(aggregates, versions)
}

func TestFetchWaitsForItsTopic(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	src := r.source(func(c *kafka.SourceConfig) { c.Topics = []string{"later"} })
	r.start(src, r.runner(nil))
	applicationtest.Eventually(t, func() error {
		if err := src.Health(); err == nil || !strings.Contains(err.Error(), "later") {
			return fmt.Errorf("health is %v, want the missing topic's name", err)
		}
		return nil
	})
	first := record("thing-0", 1, "thing.happened", "{}")
	first.Topic = "later"
	admin, err := kafka.NewAdmin(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if err := admin.EnsureTopics(t.Context(), kafka.TopicSpec{Name: "later", Partitions: 1}); err != nil {
		t.Fatal(err)
	}
	r.produce(first)
	r.wantApplied(1, 1)
	applicationtest.Eventually(t, src.Health)
}

func TestFetchEndsRunWhenRecordsAreGone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.produce(records(1, 1, 20)...)
	stop := r.start(r.source(nil), r.runner(nil))
	r.wantApplied(1, 20)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	r.produce(records(1, 21, 40)...)
	adm := kadm.NewClient(r.cl)
	ends, err := adm.ListEndOffsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := adm.DeleteRecords(t.Context(), ends.Offsets()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err = r.source(nil).Run(ctx, r.runner(nil))
	if err == nil {
		t.Fatal("Run went on without the deleted records")
	}
	for _, want := range []string{topic, "at offset 20", "holds offsets 40 to 39", "rebuild the projection"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q doesn't say %q", err, want)
		}
	}
}

func TestFetchEndsRunWhenTheBrokerWasSetBack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.produce(records(1, 1, 1)...)
	ahead := startAt{Handler: r.runner(nil), next: 1000}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := r.source(nil).Run(ctx, ahead); err == nil || !strings.Contains(err.Error(), "at offset 1000") {
		t.Errorf("Run: %v, want an error that names offset 1000", err)
	}
}

// startAt is a handler whose checkpoints all are at one offset.
type startAt struct {
	projection.Handler
	next int64
}

func (h startAt) Start(context.Context, projection.Partition) (int64, error) { return h.next, nil }

func TestFetchRefusesATopicMadeAnew(t *testing.T) {
	t.Parallel()
	for name, whileRunning := range map[string]bool{"between runs": false, "while running": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.produce(records(6, 1, 10)...)
			ended := make(chan error, 1)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			run := func(ctx context.Context) { ended <- r.source(nil).Run(ctx, r.runner(nil)) }
			first, stop := context.WithCancel(ctx)
			defer stop()
			go run(first)
			r.wantApplied(6, 10)
			if !whileRunning {
				stop()
				if err := <-ended; err != nil {
					t.Fatal(err)
				}
			}
			r.recreateTopic()
			if !whileRunning {
				go run(ctx)
			}
			if err := <-ended; !errors.Is(err, projection.ErrTopicReplaced) || !strings.Contains(err.Error(), "TENON_PROJECTIONS_SOURCE=log") {
				t.Errorf("Run: %v, want ErrTopicReplaced with the way out", err)
			}
		})
	}
}

// More partitions: an aggregate's later events are elsewhere than its earlier ones.
func TestSourceRefusesAChangedNumberOfPartitions(t *testing.T) {
	t.Parallel()
	for name, whileRunning := range map[string]bool{"between runs": false, "while running": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.produce(records(6, 1, 10)...)
			ended := make(chan error, 1)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			often := func(c *kafka.SourceConfig) { c.RefreshEvery = 200 * time.Millisecond }
			run := func(ctx context.Context) { ended <- r.source(often).Run(ctx, r.runner(nil)) }
			first, stop := context.WithCancel(ctx)
			defer stop()
			go run(first)
			r.wantApplied(6, 10)
			if !whileRunning {
				stop()
				if err := <-ended; err != nil {
					t.Fatal(err)
				}
			}
			if _, err := kadm.NewClient(r.cl).CreatePartitions(ctx, 2, topic); err != nil {
				t.Fatal(err)
			}
			if !whileRunning {
				go run(ctx)
			}
			err := <-ended
			if !errors.Is(err, projection.ErrPartitionsChanged) || !strings.Contains(err.Error(), "TENON_PROJECTIONS_SOURCE=log") ||
				!strings.Contains(err.Error(), topic) {
				t.Errorf("Run: %v, want ErrPartitionsChanged with the topic and the way out", err)
			}
		})
	}
}

func (r *rig) recreateTopic() {
	r.Helper()
	if _, err := kadm.NewClient(r.cl).DeleteTopics(r.Context(), topic); err != nil {
		r.Fatal(err)
	}
	r.createTopic()
}

func TestFetchBeginsAgainWhenTheCheckpointWasRemoved(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.produce(records(6, 1, 10)...)
	r.start(r.source(nil), r.runner(nil))
	r.wantApplied(6, 10)
	// What was applied is remembered beside the checkpoint: who forgets one forgets both.
	for _, table := range []string{"tenon.checkpoints", "tenon.applied", "tenon.inbox", "effects"} {
		if _, err := r.db.Pool().ExecContext(t.Context(), `DELETE FROM `+table); err != nil {
			t.Fatal(err)
		}
	}
	r.produce(records(6, 11, 12)...) // whoever is told that it moved reads it again
	r.wantApplied(6, 12)
}
