package kafka

import (
	"fmt"
	"testing"
	"testing/quick"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestProducerSettings(t *testing.T) {
	t.Parallel()
	cfg, err := Config{Brokers: []string{"localhost:9092"}}.checked()
	if err != nil {
		t.Fatal(err)
	}
	c := producerConfig(cfg)
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if !c.Producer.Idempotent || c.Producer.RequiredAcks != sarama.WaitForAll {
		t.Error("producer isn't idempotent with acks=all")
	}
	if c.Producer.Flush.Frequency != 5*time.Millisecond || c.Producer.Flush.Bytes != 16384 {
		t.Errorf("gathers %v and %d bytes, want 5ms and 16384", c.Producer.Flush.Frequency, c.Producer.Flush.Bytes)
	}
	c.Net.MaxOpenRequests = 5
	if c.Validate() == nil {
		t.Error("Sarama takes 5 requests in flight with an idempotent producer now: use them, as the guide says")
	}
}

// The numbers are those of Java's Utils.murmur2, made positive, as its own tests have them.
func TestPartitionerAgreesWithJava(t *testing.T) {
	t.Parallel()
	for key, hash := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
	} {
		for _, n := range []int32{1, 3, 6, 100} {
			if got, want := partition(t, key, n), (hash&0x7fffffff)%n; got != want {
				t.Errorf("key %q of %d partitions: %d, want %d", key, n, got, want)
			}
		}
	}
}

func TestPartitionerAgreesWithFranz(t *testing.T) {
	t.Parallel()
	same := func(key string, n uint8) bool {
		partitions := int32(n) + 1
		franz := kgo.StickyKeyPartitioner(nil).ForTopic("t")
		return int(partition(t, key, partitions)) == franz.Partition(&kgo.Record{Key: []byte(key)}, int(partitions))
	}
	if err := quick.Check(same, nil); err != nil {
		t.Error(err)
	}
	if !same("", 5) {
		t.Error("an empty key goes elsewhere")
	}
}

func partition(t testing.TB, key string, n int32) int32 {
	t.Helper()
	got, err := producerConfig(Config{}).Producer.Partitioner("t").Partition(&sarama.ProducerMessage{Key: sarama.StringEncoder(key)}, n)
	if err != nil {
		t.Fatal(fmt.Errorf("partition %q: %w", key, err))
	}
	return got
}
