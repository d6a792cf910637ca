package kafka_test

import (
	"bytes"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/adapters/kafka"
)

// What compresses well arrives compressed as the producer was told, from both kinds of producers.
func TestProducersCompressAsTheyAreTold(t *testing.T) {
	t.Parallel()
	payload := append(append([]byte(`"`), bytes.Repeat([]byte("tenon "), 500)...), '"')
	for compression, number := range map[kafka.Compression]uint8{ // the numbers are those of Kafka's protocol
		"": 2, kafka.Uncompressed: 0, kafka.Gzip: 1, kafka.Snappy: 2, kafka.LZ4: 3, kafka.Zstd: 4,
	} {
		t.Run(string(compression), func(t *testing.T) {
			t.Parallel()
			r := newLaneRig(t)
			cfg := kafka.Config{Brokers: []string{r.broker}, Compression: compression, Linger: -1}
			lanes, err := kafka.NewLanes(cfg, kafka.LanesConfig{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(lanes.Close)
			s, _, err := lanes.Take(t.Context(), r.log, 0)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(s.Close)
			b := r.batch(0, 1, 1, 1)
			b.Records[0].Payload = payload
			r.commit(s, b)
			if err := newPublisher(t, cfg).Publish("plain", message.NewMessage(uuid.NewString(), payload)); err != nil {
				t.Fatal(err)
			}
			for _, topic := range []string{topic, "plain"} {
				got := r.committed(topic)
				if len(got) != 1 || !bytes.Equal(got[0].Value, payload) || got[0].Attrs.CompressionType() != number {
					t.Errorf("%s has %d records, want one of compression %d: %+v", topic, len(got), number, attrs(got))
				}
			}
		})
	}
}

func attrs(records []*kgo.Record) (all []uint8) {
	for _, r := range records {
		all = append(all, r.Attrs.CompressionType())
	}
	return all
}
