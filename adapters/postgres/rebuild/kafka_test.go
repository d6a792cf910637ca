package rebuild_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/postgres/rebuild"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/relaying"
)

// broker is a broker with the topic, and what carries the log to it.
type broker struct {
	cfg   kafka.Config
	admin *kafka.Admin
	db    *postgres.DB
}

func newBroker(t testing.TB, db *postgres.DB) *broker {
	t.Helper()
	b := &broker{cfg: kafka.Config{Brokers: []string{embeddedtest.Broker(t)}}, db: db}
	var err error
	b.admin, err = kafka.NewAdmin(b.cfg)
	check(t, err)
	t.Cleanup(b.admin.Close)
	check(t, b.admin.EnsureTopics(t.Context(), kafka.TopicSpec{Name: topic, Partitions: 3}))
	return b
}

// carry publishes the log in its order, each event once, a page in a transaction, until the test ends. It is a relay that is never
// killed.
func (b *broker) carry(t testing.TB) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.cfg.Brokers...), kgo.DisableClientMetrics(), kgo.TransactionalID("carry"))
	check(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var at eventlog.Cursor
		for ctx.Err() == nil {
			page, err := b.db.Read(ctx, at, 100)
			if err != nil || len(page.Records) == 0 || cl.BeginTransaction() != nil {
				continue
			}
			for i := range page.Records {
				r := &page.Records[i]
				if r.Topic != topic {
					continue
				}
				kr := &kgo.Record{Topic: topic, Key: []byte(r.AggregateID), Value: r.Payload}
				for _, h := range relaying.Headers(r) {
					kr.Headers = append(kr.Headers, kgo.RecordHeader{Key: h.Name, Value: []byte(h.Value)})
				}
				cl.Produce(ctx, kr, nil)
			}
			if err := cl.Flush(ctx); ctx.Err() == nil && (err != nil || cl.EndTransaction(ctx, kgo.TryCommit) != nil) {
				t.Errorf("a page isn't published: %v", err)
				return
			}
			at = page.Next
		}
	}()
	t.Cleanup(func() { cancel(); <-ended; cl.Close() })
}

// fed makes a feed's version be fed from Kafka.
func (b *broker) fed(cfg rebuild.FeedConfig) rebuild.FeedConfig {
	p := cfg.Runner.Projection
	cfg.Kafka = func() (projection.Source, error) {
		return kafka.NewSource(b.cfg, kafka.SourceConfig{
			Group: fmt.Sprintf("%s.v%d", p.Name, p.Version), Topics: p.Topics, MaxWait: 50 * time.Millisecond,
		})
	}
	cfg.Ends = func(ctx context.Context) (rebuild.Ends, error) { return b.admin.RecordEnds(ctx, b.cfg, p.Topics...) }
	cfg.PartitionOf = kafka.PartitionOf
	return cfg
}

func TestBuiltVersionGoesOnWithKafka(t *testing.T) {
	t.Parallel()
	db := open(t, databaseURL(t))
	b := newBroker(t, db)
	b.carry(t)
	const n = 6
	for i := range n {
		check(t, add(db, fmt.Sprintf("thing-%d", i), 1, 20, ""))
	}
	run(t, b.fed(config(db, things(1))))
	wantFold(t, db, view, 1)
	watch := watchView(t, db)
	run(t, b.fed(config(db, things(2))))
	for to := 30; ; to += 10 { // commands go on
		v, err := rebuild.NewVersions(db).Get(t.Context(), name, 2)
		if err == nil && v.State == rebuild.Serving && v.Source == rebuild.Kafka {
			break
		}
		for i := range n {
			check(t, add(db, fmt.Sprintf("thing-%d", i), to-9, to, ""))
		}
	}
	check(t, add(db, "thing-new", 1, 20, ""))
	wantFold(t, db, view, 2)
	watch.end(t, 2)
	wantFold(t, db, "shop.things_v1", 1)
	if n := value[int](t, db, "SELECT count(*) FROM tenon.checkpoints WHERE version = 2 AND partitions IS DISTINCT FROM 3"); n > 0 {
		t.Errorf("%d checkpoints don't know that the topic has three partitions", n)
	}
	check(t, rebuild.NewVersions(db).Use(t.Context(), name, 1, false))
	wantFold(t, db, view, 1)
	run(t, b.fed(config(db, things(3)))) // now nothing goes on: it begins where the others have stopped
	wantState(t, db, 3, rebuild.Serving, rebuild.Kafka)
	check(t, rebuild.NewVersions(db).Use(t.Context(), name, 1, false))
}

// TestParkedSequencesFollowTheSource parks in one source and goes on with the other, in both directions.
func TestParkedSequencesFollowTheSource(t *testing.T) {
	t.Parallel()
	db := open(t, databaseURL(t))
	b := newBroker(t, db)
	b.carry(t)
	letters := postgres.NewDeadLetters(db)
	parked := func() []deadletter.Event {
		t.Helper()
		all, err := letters.Events(t.Context(), deadletter.Filter{}, 0, 1000)
		check(t, err)
		return all
	}
	wantParked := func(topic string, atLeast int) {
		t.Helper()
		applicationtest.Eventually(t, func() error {
			all := parked()
			if len(all) < atLeast {
				return fmt.Errorf("%d events are parked, want %d", len(all), atLeast)
			}
			for _, e := range all {
				if e.Key != all[0].Key || e.Key.Topic != topic {
					return fmt.Errorf("event %d is parked at %+v", e.ID, e.Key)
				}
			}
			return nil
		})
	}
	check(t, add(db, "thing-0", 1, 3, ""))
	_, stop := run(t, config(db, things(1)))
	check(t, add(db, "thing-0", 4, 4, "1"))
	check(t, add(db, "thing-0", 5, 6, ""))
	wantParked(projection.LogTopic, 3)
	stop()
	_, stop = run(t, b.fed(config(db, things(1))))
	wantState(t, db, 1, rebuild.Serving, rebuild.Kafka)
	if least := value[int64](t, db, `SELECT min(record_offset) FROM tenon.parked_events`); least < 1<<62 {
		t.Errorf("an event from the log is parked at offset %d, which Kafka may have", least)
	}
	check(t, add(db, "thing-0", 7, 8, ""))
	check(t, add(db, "thing-1", 1, 2, ""))
	wantParked(topic, 5)
	stop()
	_, stop = run(t, config(db, things(1)))
	wantState(t, db, 1, rebuild.Serving, rebuild.Log)
	check(t, add(db, "thing-0", 9, 9, ""))
	wantParked(projection.LogTopic, 6)
	stop()
	run(t, b.fed(config(db, things(1))))
	wantState(t, db, 1, rebuild.Serving, rebuild.Kafka)

	first := parked()[0]
	by := deadletter.Decision{By: "test", Why: "test"}
	check(t, letters.Edit(t.Context(), first.ID, []byte(`{"n":4}`), by))
	cfg := config(db, things(1)).Runner
	r, err := projection.NewReplayer(projection.ReplayerConfig{
		Projection: cfg.Projection, Store: db, Checkpoints: db, Parked: letters, Codec: cfg.Codec,
	})
	check(t, err)
	if done, err := r.Replay(t.Context(), first.Key, by); err != nil || done.Stuck != nil || done.Applied < 6 {
		t.Errorf("replay: %+v, %v; want 6 events applied", done, err)
	}
	check(t, add(db, "thing-0", 10, 12, ""))
	wantFold(t, db, view, 1)
}
