package kafka_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/domain"
)

// BenchmarkParkedSequences applies batches of 100 events of aggregates that flow, while so many others are parked on the
// same partition. Divide the times: they should be equal.
func BenchmarkParkedSequences(b *testing.B) {
	for _, parked := range []int{0, 10_000} {
		b.Run(fmt.Sprint(parked), func(b *testing.B) {
			r := newRig(b)
			p := projection.Partition{Topic: topic, ID: uuid.New()}
			r.parkMany(p, parked)
			runner := r.runner(nil)
			from, err := runner.Start(b.Context(), p)
			if err != nil {
				b.Fatal(err)
			}
			offset := int64(0)
			for b.Loop() {
				batch := make([]projection.Delivery, 100)
				for i := range batch {
					rec := eventlog.Record{
						ID: uuid.New(), Type: "thing.happened", SchemaVersion: 1, AggregateType: "thing",
						AggregateID: fmt.Sprintf("flows-%d", i), Version: domain.Version(offset + 1),
					}
					batch[i] = projection.Delivery{Partition: p, Offset: offset, Key: []byte(rec.AggregateID), Value: []byte("{}"), Record: rec}
					offset++
				}
				if from, err = runner.Handle(b.Context(), p, from, batch); err != nil {
					b.Fatal(err)
				}
			}
			if got := runner.Stats(); got.Applied != offset {
				b.Fatalf("%d of %d events applied", got.Applied, offset)
			}
		})
	}
}

func (r *rig) parkMany(p projection.Partition, n int) {
	r.Helper()
	var all []deadletter.Event
	for i := range n {
		all = append(all, deadletter.Event{
			Key: deadletter.Key{
				Place: deadletter.Place{Projection: group, Version: 1, Topic: p.Topic}, AggregateType: "thing", AggregateID: fmt.Sprintf("stuck-%d", i),
			},
			Failure: deadletter.Failure{Reason: deadletter.Refused, Error: "no"}, ParkedAt: time.Now(), Payload: []byte("{}"), EventID: uuid.New(),
		})
	}
	tx, err := r.db.Begin(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	if err := postgres.NewDeadLetters(r.db).Park(r.Context(), tx, all); err != nil {
		r.Fatal(err)
	}
	if err := tx.Commit(r.Context()); err != nil {
		r.Fatal(err)
	}
}
