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
)

const (
	parkedName = "tenon, 10,000 sequences parked"
	parked     = 10_000
)

// prepare readies a database for a projection that begins, and returns what checks it afterwards.
type prepare func(ctx context.Context, url string, p *projection.Projection) (after func(context.Context) error, err error)

// parkMany parks an event each of aggregates that the topic doesn't have.
func parkMany(ctx context.Context, url string, p *projection.Projection) (after func(context.Context) error, err error) {
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
		return nil, err
	}
	after = func(ctx context.Context) error {
		return count(ctx, url, `SELECT count(*) FROM tenon.parked_sequences`, parked)
	}
	return after, errors.Join(park(ctx, db, all), db.Close())
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
