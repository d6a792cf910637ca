package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/relaying"
	"github.com/tenon-go/tenon/domain"
)

const (
	topic      = "domain.thing.events"
	group      = "things"
	partitions = 3
)

// happened is the event of the tests. Apply refuses it when it says so.
type happened struct {
	Poison string `json:"poison,omitempty"`
}

// rig is a broker with one topic, a database with one projection, which notes what it applied in the order in which it did.
type rig struct {
	testing.TB
	cfg kafka.Config
	db  *postgres.DB
	cl  *kgo.Client
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := newRigOn(t, embeddedtest.Broker(t), databaseURL(t))
	r.createTopic()
	return r
}

func newRigOn(t testing.TB, broker, databaseURL string) *rig {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{URL: databaseURL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	// One request at a time: a broker that was killed has forgotten its producers and takes whichever request comes first.
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.MetadataMinAge(10*time.Millisecond), kgo.DisableClientMetrics(), kgo.UnknownTopicRetries(-1),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxProduceRequestsInflightPerBroker(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return &rig{TB: t, cfg: kafka.Config{Brokers: []string{broker}}, db: db, cl: cl}
}

func databaseURL(t testing.TB) string {
	t.Helper()
	return embeddedtest.DatabaseFrom(t, "kafka", prepare)
}

func prepare(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db, err := postgres.Open(ctx, postgres.Config{URL: url})
	if err != nil {
		return err
	}
	err = postgres.Migrate(ctx, db, postgres.KernelSchema())
	if err == nil {
		_, err = db.Pool().ExecContext(ctx, `CREATE TABLE effects (n bigserial, projection text, aggregate text, version bigint)`)
	}
	return errors.Join(err, db.Close())
}

func (r *rig) createTopic() {
	r.Helper()
	admin, err := kafka.NewAdmin(r.cfg)
	if err != nil {
		r.Fatal(err)
	}
	defer admin.Close()
	if err := admin.EnsureTopics(r.Context(), kafka.TopicSpec{Name: topic, Partitions: partitions}); err != nil {
		r.Fatal(err)
	}
}

// record is an event as a relay publishes it.
func record(aggregate string, version int, eventType, payload string) *kgo.Record {
	rec := eventlog.Record{
		ID: uuid.New(), Type: eventType, SchemaVersion: 1, AggregateType: "thing", AggregateID: aggregate, Version: domain.Version(version),
	}
	kr := &kgo.Record{Topic: topic, Key: []byte(aggregate), Value: []byte(payload)}
	for _, h := range relaying.Headers(&rec) {
		kr.Headers = append(kr.Headers, kgo.RecordHeader{Key: h.Name, Value: []byte(h.Value)})
	}
	return kr
}

// records are versions from to to of each aggregate, in turn.
func records(aggregates, from, to int) []*kgo.Record {
	var all []*kgo.Record
	for v := from; v <= to; v++ {
		for a := range aggregates {
			all = append(all, record(fmt.Sprintf("thing-%d", a), v, "thing.happened", "{}"))
		}
	}
	return all
}

func (r *rig) produce(all ...*kgo.Record) {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	if err := r.cl.ProduceSync(ctx, all...).FirstErr(); err != nil {
		r.Fatalf("produce: %v", err)
	}
}

func (r *rig) projection(name string) projection.Projection {
	return projection.Projection{
		Name: name, Version: 1, Topics: []string{topic}, Types: []string{"thing.happened"},
		Apply: func(ctx context.Context, tx eventlog.Tx, batch []projection.Event) error {
			for _, e := range batch {
				if p := e.Event.(happened).Poison; p == "panic" {
					panic("this event panics")
				} else if p != "" {
					return errors.New(p)
				}
				_, err := postgres.SQL(tx).ExecContext(ctx, `INSERT INTO effects (projection, aggregate, version) VALUES ($1, $2, $3)`,
					name, e.AggregateID, int64(e.Version))
				if err != nil {
					return postgres.Wrap(ctx, err)
				}
			}
			return nil
		},
	}
}

// runner returns a runner of a projection that is named after its group.
func (r *rig) runner(change func(*projection.RunnerConfig)) *projection.Runner {
	r.Helper()
	types := new(codec.Types)
	codec.Register[happened](types, "thing.happened", 1)
	cfg := projection.RunnerConfig{
		Projection: r.projection(group), Store: r.db, Checkpoints: r.db, Codec: codec.JSON{Types: types}, Parking: postgres.NewDeadLetters(r.db), Group: group,
		MinBackoff: time.Millisecond, MaxBackoff: 50 * time.Millisecond,
	}
	if change != nil {
		change(&cfg)
	}
	runner, err := projection.NewRunner(cfg)
	if err != nil {
		r.Fatal(err)
	}
	return runner
}

func (r *rig) source(change func(*kafka.SourceConfig)) *kafka.Source {
	r.Helper()
	sc := kafka.SourceConfig{Group: group, Topics: []string{topic}, MaxWait: 50 * time.Millisecond, CommitEvery: 20 * time.Millisecond}
	if change != nil {
		change(&sc)
	}
	src, err := kafka.NewSource(r.cfg, sc)
	if err != nil {
		r.Fatal(err)
	}
	return src
}

// start runs a source with a handler until the test ends or stop is called, which returns what Run returned.
func (r *rig) start(src *kafka.Source, h projection.Handler) (stop func() error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	done := make(chan error, 1)
	run := func() error { return src.Run(ctx, h) }
	if runner, ok := h.(*projection.Runner); ok {
		run = func() error { return runner.Run(ctx, src) } // so that it knows its source
	}
	go func() { done <- run() }()
	var result error
	ended := false
	stop = func() error {
		cancel()
		if !ended {
			result, ended = <-done, true
		}
		return result
	}
	r.Cleanup(func() { _ = stop() })
	return stop
}

// applied returns what the projection's table holds: per aggregate the versions in the order in which they were written.
func (r *rig) applied() map[string][]int64 {
	r.Helper()
	rows, err := r.db.Pool().QueryContext(r.Context(), `SELECT aggregate, version FROM effects ORDER BY n`)
	if err != nil {
		return nil // the database may be down
	}
	defer rows.Close()
	all := make(map[string][]int64)
	for rows.Next() {
		var a string
		var v int64
		if err := rows.Scan(&a, &v); err != nil {
			return nil
		}
		all[a] = append(all[a], v)
	}
	return all
}

// wantApplied waits until versions 1 to last of every aggregate are there, and fails at once when one is there twice or out of order.
func (r *rig) wantApplied(aggregates, last int) {
	r.Helper()
	applicationtest.Eventually(r, func() error {
		all := r.applied()
		for a := range aggregates {
			versions := all[fmt.Sprintf("thing-%d", a)]
			for i, v := range versions {
				if v != int64(i+1) {
					r.Fatalf("thing-%d: applied versions %v, want each once and in order", a, versions)
				}
			}
			if len(versions) < last {
				return fmt.Errorf("thing-%d: %d of %d versions applied", a, len(versions), last)
			}
			if len(versions) > last {
				r.Fatalf("thing-%d: applied versions %v, want up to %d", a, versions, last)
			}
		}
		return nil
	})
}
