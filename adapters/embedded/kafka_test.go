package embedded_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/adapters/embedded"
)

func TestRecordsAndAddressSurviveStops(t *testing.T) {
	t.Parallel()
	for name, sync := range map[string]bool{"lazy": false, "synced": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := embedded.KafkaConfig{DataDir: t.TempDir(), AutoCreate: true, SyncWrites: sync}
			addr := ""
			for round := 1; round <= 5; round++ {
				k := startKafka(t, cfg)
				if addr == "" {
					addr = k.Addr()
				}
				if k.Addr() != addr {
					t.Fatalf("address in round %d: %s, want %s", round, k.Addr(), addr)
				}
				if got := addRecord(t, addr); got != round {
					t.Fatalf("records in round %d: %d, want %d", round, got, round)
				}
				k.Stop()
			}
		})
	}
}

func TestCommittedOffsetsSurviveStop(t *testing.T) {
	t.Parallel()
	cfg := embedded.KafkaConfig{DataDir: t.TempDir(), AutoCreate: true}
	k := startKafka(t, cfg)
	addRecord(t, k.Addr())
	offsets := make(kadm.Offsets)
	offsets.Add(kadm.Offset{Topic: "survivors", Partition: 0, At: 1, LeaderEpoch: -1})
	if err := admin(t, k.Addr()).CommitAllOffsets(t.Context(), "readers", offsets); err != nil {
		t.Fatal(err)
	}
	k.Stop()
	k = startKafka(t, cfg)
	got, err := admin(t, k.Addr()).FetchOffsets(t.Context(), "readers")
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := got.Lookup("survivors", 0); !ok || o.At != 1 {
		t.Errorf("committed offset after a restart: %+v, want 1", o)
	}
}

func TestBrokerInMemoryForgets(t *testing.T) {
	t.Parallel()
	for range 3 {
		k := startKafka(t, embedded.KafkaConfig{AutoCreate: true})
		if got := addRecord(t, k.Addr()); got != 1 {
			t.Errorf("records: %d, want 1", got)
		}
		k.Stop()
		k.Stop()
	}
}

func TestTopicsAreNotMadeUnasked(t *testing.T) {
	t.Parallel()
	k := startKafka(t, embedded.KafkaConfig{})
	cl := kafkaClient(t, k.Addr(), kgo.UnknownTopicRetries(0))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err := cl.ProduceSync(ctx, &kgo.Record{Topic: "survivors"}).FirstErr()
	if !errors.Is(err, kerr.UnknownTopicOrPartition) {
		t.Errorf("produce to a missing topic: %v, want %v", err, kerr.UnknownTopicOrPartition)
	}
}

func TestTopicMadeOnDemandHasTheConfiguredPartitions(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[int]embedded.KafkaConfig{
		6: {AutoCreate: true},
		4: {AutoCreate: true, Partitions: 4},
	} {
		k := startKafka(t, cfg)
		addRecord(t, k.Addr())
		topics, err := admin(t, k.Addr()).ListTopics(t.Context(), "survivors")
		if err != nil {
			t.Fatal(err)
		}
		if got := len(topics["survivors"].Partitions); got != want {
			t.Errorf("partitions with %+v: %d, want %d", cfg, got, want)
		}
	}
}

func TestSecondBrokerOnADirectoryIsRefused(t *testing.T) {
	t.Parallel()
	cfg := embedded.KafkaConfig{DataDir: t.TempDir(), AutoCreate: true}
	k := startKafka(t, cfg)
	_, err := embedded.StartKafka(t.Context(), cfg)
	if _, ok := errors.AsType[*embedded.LockedError](err); !ok {
		t.Errorf("second start: %v, want *LockedError", err)
	}
	addRecord(t, k.Addr())
}

func TestWrongBrokerConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]embedded.KafkaConfig{
		"port -1 for":         {Port: -1},
		"Partitions is -2: 1": {Partitions: -2},
	} {
		if _, err := embedded.StartKafka(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("start with %+v: %v, want %q", cfg, err, want)
		}
	}
}

func TestCancelledStartIsNone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, pgErr := embedded.StartPostgres(ctx, embedded.PostgresConfig{DataDir: t.TempDir()})
	_, kafkaErr := embedded.StartKafka(ctx, embedded.KafkaConfig{})
	for what, err := range map[string]error{"PostgreSQL": pgErr, "Kafka": kafkaErr} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("start of %s with a cancelled context: %v, want context.Canceled", what, err)
		}
	}
}

func startKafka(t testing.TB, cfg embedded.KafkaConfig) *embedded.Kafka {
	t.Helper()
	k, err := embedded.StartKafka(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Stop)
	return k
}

// addRecord adds a record to the one topic of these tests and returns how many there are.
func addRecord(t testing.TB, addr string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cl := kafkaClient(t, addr)
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "survivors", Value: []byte("v")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	ends, err := kadm.NewClient(cl).ListEndOffsets(ctx, "survivors")
	if err != nil {
		t.Fatal(err)
	}
	n := int64(0)
	ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
	return int(n)
}

func admin(t testing.TB, addr string) *kadm.Client {
	t.Helper()
	return kadm.NewClient(kafkaClient(t, addr))
}

func kafkaClient(t testing.TB, addr string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(addr), kgo.AllowAutoTopicCreation()}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}
