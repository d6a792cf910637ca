package memory_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// TestPartitionsAreKafkas compares with the partitioner of a Kafka client, for keys of every length modulo four.
func TestPartitionsAreKafkas(t *testing.T) {
	t.Parallel()
	const partitions = 7
	broker := memory.NewBroker(partitions)
	kafka := kgo.StickyKeyPartitioner(nil).ForTopic("t")
	for i := range 200 {
		key := fmt.Sprintf("%.*s%d", i%5, "äbcd", i)
		if err := broker.Publish(t.Context(), memory.Message{Topic: "t", Key: key}); err != nil {
			t.Fatal(err)
		}
	}
	records, err := broker.Records(t.Context(), "t")
	if err != nil || len(records) != 200 {
		t.Fatalf("%d records, error %v", len(records), err)
	}
	for _, d := range records {
		if want := kafka.Partition(&kgo.Record{Key: d.Key}, partitions); int(d.Partition.Number) != want {
			t.Errorf("key %q is on partition %d, Kafka has it on %d", d.Key, d.Partition.Number, want)
		}
	}
}

func TestOffsetsCountFromZero(t *testing.T) {
	t.Parallel()
	broker := memory.NewBroker(0) // at least one
	for range 3 {
		if err := broker.Publish(t.Context(), memory.Message{Topic: "t", Key: "k"}); err != nil {
			t.Fatal(err)
		}
	}
	records, err := broker.Records(t.Context(), "t")
	if err != nil {
		t.Fatal(err)
	}
	var offsets []int64
	for _, d := range records {
		offsets = append(offsets, d.Offset)
	}
	if diff := cmp.Diff([]int64{0, 1, 2}, offsets); diff != "" {
		t.Error(diff)
	}
}

func TestForeignRecordIsDeliveredWithItsError(t *testing.T) {
	t.Parallel()
	broker := memory.NewBroker(1)
	if err := broker.Publish(t.Context(), memory.Message{Topic: "t", Value: []byte("not ours")}); err != nil {
		t.Fatal(err)
	}
	records, err := broker.Records(t.Context(), "t")
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, records[0].Err, relaying.ErrHeaders)
}

func TestPublishDuringOutageIsUnavailable(t *testing.T) {
	t.Parallel()
	broker := memory.NewBroker(1)
	mend := broker.Break()
	wantError(t, broker.Publish(t.Context(), memory.Message{Topic: "t"}), eventlog.ErrUnavailable)
	mend()
	if records, err := broker.Records(t.Context(), "t"); err != nil || len(records) > 0 {
		t.Errorf("after the outage: %d records, error %v", len(records), err)
	}
}
