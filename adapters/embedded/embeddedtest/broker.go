package embeddedtest

import (
	"strconv"
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded"
	"github.com/tenon-go/tenon/adapters/embedded/kafkatest"
)

// BrokerOption changes the configuration of a broker before it starts.
type BrokerOption func(*embedded.KafkaConfig)

// InDir keeps the broker's records in dir, where a later broker finds them.
func InDir(dir string) BrokerOption {
	return func(cfg *embedded.KafkaConfig) { cfg.DataDir = dir }
}

// Partitions sets how many partitions a topic gets that is created without a number.
func Partitions(n int) BrokerOption {
	return func(cfg *embedded.KafkaConfig) { cfg.Partitions = n }
}

// Broker starts an in-process Kafka broker of the test's own and returns its address. It creates
// topics when they are asked for, holds everything in memory and stops when the test ends. With
// TENON_TEST_KAFKA=real it is an Apache Kafka, see kafkatest.
func Broker(t testing.TB, opts ...BrokerOption) string {
	t.Helper()
	cfg := embedded.KafkaConfig{AutoCreate: true}
	for _, opt := range opts {
		opt(&cfg)
	}
	if kafkatest.Chosen() {
		if cfg.DataDir != "" {
			t.Skip("Apache Kafka's data stay in a directory of its own")
		}
		return realBroker(t, cfg).Addr()
	}
	k, err := embedded.StartKafka(t.Context(), cfg)
	if err != nil {
		t.Fatalf("start a broker for the test: %v", err)
	}
	t.Cleanup(k.Stop)
	return k.Addr()
}

// realBroker returns an Apache Kafka, a used one if it can be as the test wants it.
func realBroker(t testing.TB, cfg embedded.KafkaConfig) *kafkatest.Cluster {
	t.Helper()
	if cfg.Partitions == 0 {
		return kafkatest.Lend(t)
	}
	return kafkatest.Start(t, kafkatest.Options{Properties: map[string]string{"num.partitions": strconv.Itoa(cfg.Partitions)}})
}
