package embeddedtest

import (
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded"
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
// topics when they are asked for, holds everything in memory and stops when the test ends.
func Broker(t testing.TB, opts ...BrokerOption) string {
	t.Helper()
	cfg := embedded.KafkaConfig{AutoCreate: true}
	for _, opt := range opts {
		opt(&cfg)
	}
	k, err := embedded.StartKafka(t.Context(), cfg)
	if err != nil {
		t.Fatalf("start a broker for the test: %v", err)
	}
	t.Cleanup(k.Stop)
	return k.Addr()
}
