package cases

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/bench/measure"
)

const (
	parkedName = "tenon, 10,000 sequences parked"
	parked     = 10_000
)

// projectBesideParked is the projection while other aggregates of its partitions are parked.
func (w world) projectBesideParked(topic *filledTopic) measure.Competitor {
	return measure.Competitor{
		Name: parkedName, Role: measure.Ours, Note: "as the first, while that many other aggregates of the same partitions are held back.",
		Round: func(ctx context.Context, lap *measure.Lap) error {
			round, url, err := topic.next(ctx, lap)
			if err != nil {
				return err
			}
			progress := newProgress()
			p := seen(round, topic.name, projection.Once, func(batch []projection.Event) { progress.add(len(batch)) })
			if err := parkMany(ctx, url, p); err != nil {
				return err
			}
			program := program{url: url, brokers: w.rig.Brokers()[0], roles: "projections", projection: p}
			if err := w.projected(ctx, lap, url, w.sizes.Projected, progress, program.start); err != nil {
				return err
			}
			return count(ctx, url, `SELECT count(*) FROM tenon.parked_sequences`, parked)
		},
	}
}

// parkMany parks an event each of aggregates that the topic doesn't have.
func parkMany(ctx context.Context, url string, p *projection.Projection) error {
	all := make([]deadletter.Event, parked)
	for i := range all {
		all[i] = deadletter.Event{
			Key: deadletter.Key{
				Place:         deadletter.Place{Projection: p.Name, Version: p.Version, Topic: p.Topics[0], Partition: int32(i % relayPartitions)},
				AggregateType: thingType, AggregateID: fmt.Sprintf("parked-%d", i),
			},
			Failure: deadletter.Failure{Reason: deadletter.Refused, Error: "refused"}, ParkedAt: time.Now(), Payload: []byte("{}"), EventID: uuid.New(),
		}
	}
	db, err := postgres.Open(ctx, postgres.Config{URL: url})
	if err != nil {
		return err
	}
	return errors.Join(park(ctx, db, all), db.Close())
}

func park(ctx context.Context, db *postgres.DB, all []deadletter.Event) error {
	tx, err := db.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // it does nothing after Commit
	if err := postgres.NewDeadLetters(db).Park(ctx, tx, all); err != nil {
		return err
	}
	return tx.Commit(ctx)
}
