package kafka_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/projection"
)

// The ends of transactions have offsets of their own, behind which nobody is who has read the records.
func TestEndsOfRecordsAreWhereReadersStop(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	admin := newAdmin(t, r.cfg.Brokers[0])
	cl, err := kgo.NewClient(kgo.SeedBrokers(r.cfg.Brokers...), kgo.DisableClientMetrics(), kgo.TransactionalID("t"),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	transact := func(partition int32, records int, end kgo.TransactionEndTry) {
		t.Helper()
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for range records {
			if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Partition: partition}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := cl.EndTransaction(t.Context(), end); err != nil {
			t.Fatal(err)
		}
	}
	transact(1, 2, kgo.TryCommit) // offsets 0, 1 and its end
	transact(1, 1, kgo.TryCommit) // 3 and its end
	transact(1, 3, kgo.TryAbort)  // nobody sees 5 to 7; 8 is its end
	transact(2, 1, kgo.TryCommit) // 0 and its end, then both are deleted
	deleted := make(kadm.Offsets)
	deleted.Add(kadm.Offset{Topic: topic, Partition: 2, At: 2})
	if _, err := kadm.NewClient(r.cl).DeleteRecords(t.Context(), deleted); err != nil {
		t.Fatal(err)
	}
	ends := must(admin.RecordEnds(t.Context(), r.cfg, topic))(t)
	for p, got := range ends {
		if want := []int64{0, 4, 2}[p.Number]; got != want {
			t.Errorf("partition %d ends at %d, want %d", p.Number, got, want)
		}
	}
	for p := range ends {
		for at, want := range map[int64]int64{0: 3, 1: 2, 3: 1, 4: 0} {
			next := map[projection.Partition]int64{p: at}
			if p.Number != 1 {
				continue
			}
			if got := must(admin.Behind(t.Context(), r.cfg, next, topic))(t); got != want {
				t.Errorf("at offset %d, %d records behind, want %d", at, got, want)
			}
		}
	}
}
