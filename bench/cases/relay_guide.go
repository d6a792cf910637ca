package cases

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"github.com/jmoiron/sqlx"

	"github.com/tenon-go/tenon/bench/measure"
	"github.com/tenon-go/tenon/bench/rig"
)

const (
	guideName  = "the guide's loop"
	guideBatch = 100
)

// guideLoop is pattern 4 of the guide that Tenon grew from, with the guide's producer settings.
func (w world) guideLoop() measure.Competitor {
	return measure.Competitor{
		Name: guideName, Role: measure.Peer,
		Note: fmt.Sprintf("over the first %d events. SELECT 100 rows FOR UPDATE SKIP LOCKED, send each and wait (idempotent, acks=all, linger 5 ms), UPDATE "+
			"it, COMMIT. The guide then sleeps for a second; that sleep is left out here, although it alone allows no more than "+
			"100 events/s.", w.sizes.GuideLoop),
		Round: func(ctx context.Context, lap *measure.Lap) error {
			url, err := w.rig.Database(ctx, lap, guideOutbox(w.sizes.Backlog))
			if err != nil {
				return err
			}
			db, err := sqlOpen(lap, url)
			if err != nil {
				return err
			}
			producer, err := sarama.NewSyncProducer(w.rig.Brokers(), guideProducer())
			if err != nil {
				return err
			}
			lap.Cleanup(producer.Close)
			return w.forward(ctx, lap, w.sizes.GuideLoop, true, background(func(ctx context.Context) error {
				for ctx.Err() == nil {
					if err := guideRound(ctx, db, producer); err != nil {
						return errors.Join(ctx.Err(), err)
					}
				}
				return ctx.Err()
			}))
		},
	}
}

// guideProducer are the guide's settings; Sarama's idempotent producer allows one request in flight, which a loop that waits for
// each record doesn't feel.
func guideProducer() *sarama.Config {
	cfg := sarama.NewConfig()
	cfg.Version = sarama.V2_8_0_0
	cfg.Producer.Idempotent = true
	cfg.Producer.RequiredAcks = sarama.WaitForAll
	cfg.Producer.Return.Successes = true
	cfg.Producer.Flush.Frequency = 5 * time.Millisecond
	cfg.Producer.Flush.Bytes = 16384
	cfg.Net.MaxOpenRequests = 1
	return cfg
}

type outboxEvent struct {
	ID            string     `db:"id"`
	EventType     string     `db:"event_type"`
	AggregateType string     `db:"aggregate_type"`
	AggregateID   string     `db:"aggregate_id"`
	Payload       string     `db:"payload"`
	CreatedAt     time.Time  `db:"created_at"`
	ProcessedAt   *time.Time `db:"processed_at"`
	RetryCount    int        `db:"retry_count"`
	Error         *string    `db:"error"`
}

// guideRound is one turn of the loop.
func guideRound(ctx context.Context, db *sqlx.DB, producer sarama.SyncProducer) error {
	tx, err := db.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	var events []outboxEvent
	if err := tx.SelectContext(ctx, &events, fmt.Sprintf(`SELECT * FROM outbox_events WHERE processed_at IS NULL ORDER BY created_at
		LIMIT %d FOR UPDATE SKIP LOCKED`, guideBatch)); err != nil {
		return err
	}
	for _, e := range events {
		_, _, err := producer.SendMessage(&sarama.ProducerMessage{
			Topic: "domain." + e.AggregateType + ".events", Key: sarama.StringEncoder(e.AggregateID), Value: sarama.StringEncoder(e.Payload),
		})
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE outbox_events SET processed_at = $1 WHERE id = $2`, time.Now().UTC(), e.ID); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// guideOutbox is a database with the guide's outbox table and its index, and n events.
func guideOutbox(n int64) rig.Source {
	return rig.Source{Name: fmt.Sprintf("guide_outbox_%d", n), Fill: func(ctx context.Context, url string) error {
		return rig.Exec(
			ctx, url,
			`CREATE TABLE outbox_events (id uuid PRIMARY KEY, event_type varchar(200) NOT NULL, aggregate_type varchar(100) NOT NULL,
				aggregate_id varchar(100) NOT NULL, payload text NOT NULL, created_at timestamptz NOT NULL, processed_at timestamptz,
				retry_count int NOT NULL DEFAULT 0, error text)`,
			`CREATE INDEX ON outbox_events (processed_at, created_at)`,
			fmt.Sprintf(`INSERT INTO outbox_events SELECT gen_random_uuid(), '%s', '%s', 'a' || n %% %d, '{"seq":' || n || ',"text":"' || %s || '"}',
				now() + n * interval '1 microsecond', NULL, 0, NULL FROM generate_series(0, %d) AS n`, eventType, thingType, streams, textSQL, n-1),
		)
	}}
}
