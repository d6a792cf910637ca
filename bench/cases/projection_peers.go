package cases

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	watermillkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jmoiron/sqlx"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/relaying"
	"github.com/tenon-go/tenon/bench/measure"
)

// sqlOpen returns a pool for the lap.
func sqlOpen(lap *measure.Lap, url string) (*sqlx.DB, error) {
	db, err := sqlx.Open("postgres", url)
	if err != nil {
		return nil, err
	}
	lap.Cleanup(db.Close)
	return db, nil
}

// handlePerMessage is a Watermill router with a handler that opens a transaction for its message.
func (w world) handlePerMessage(topic *filledTopic) measure.Competitor {
	return measure.Competitor{
		Name: handlerName, Role: measure.Peer,
		Note: fmt.Sprintf("over %d events: router, watermill-kafka subscriber from the oldest offset, BEGIN, prepared INSERT, COMMIT for each message; "+
			"defaults otherwise.", w.sizes.PerMessage),
		Round: func(ctx context.Context, lap *measure.Lap) error {
			round, url, err := topic.next(ctx, lap)
			if err != nil {
				return err
			}
			db, err := sqlOpen(lap, url)
			if err != nil {
				return err
			}
			insert, err := db.PrepareContext(ctx, `INSERT INTO bench.seen (seq, aggregate_id, version, text) VALUES ($1, $2, $3, $4)`)
			if err != nil {
				return err
			}
			cfg := watermillkafka.DefaultSaramaSubscriberConfig()
			cfg.Consumer.Offsets.Initial = sarama.OffsetOldest
			subscriber, err := watermillkafka.NewSubscriber(watermillkafka.SubscriberConfig{
				Brokers: w.rig.Brokers(), ConsumerGroup: fmt.Sprintf("watermill-%d", round), OverwriteSaramaConfig: cfg,
			}, watermill.NopLogger{})
			if err != nil {
				return err
			}
			router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
			if err != nil {
				return err
			}
			p := newProgress()
			router.AddConsumerHandler("seen", topic.name, subscriber, func(msg *message.Message) error {
				p.add(1)
				return insertOne(msg, db.DB, insert)
			})
			return w.projected(ctx, lap, url, w.sizes.PerMessage, p, background(router.Run))
		},
	}
}

func insertOne(msg *message.Message, db *sql.DB, insert *sql.Stmt) error {
	var e happened
	if err := json.Unmarshal(msg.Payload, &e); err != nil {
		return err
	}
	ctx := msg.Context()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	key, version := msg.Metadata.Get(relaying.HeaderAggregateID), msg.Metadata.Get(relaying.HeaderVersion)
	if _, err := tx.StmtContext(ctx, insert).ExecContext(ctx, e.Seq, key, version, e.Text); err != nil {
		return err
	}
	return tx.Commit()
}

// pollAndInsert is a consumer that writes a poll's records by one statement: no checkpoint, no group.
func (w world) pollAndInsert(topic *filledTopic) measure.Competitor {
	return measure.Competitor{
		Name: pollName, Role: measure.Limit, Note: "franz-go, polls of up to 5,000 records, one INSERT of many rows for each.",
		Round: func(ctx context.Context, lap *measure.Lap) error {
			_, url, err := topic.next(ctx, lap)
			if err != nil {
				return err
			}
			db, err := sqlOpen(lap, url)
			if err != nil {
				return err
			}
			cl, err := kgo.NewClient(kgo.SeedBrokers(w.rig.Brokers()...), kgo.ConsumeTopics(topic.name), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
			if err != nil {
				return err
			}
			lap.Cleanup(func() error { cl.Close(); return nil })
			p := newProgress()
			return w.projected(ctx, lap, url, w.sizes.Projected, p, background(func(ctx context.Context) error {
				for {
					if err := insertPoll(ctx, cl, db.DB, p); err != nil {
						return errors.Join(ctx.Err(), err)
					}
				}
			}))
		},
	}
}

func insertPoll(ctx context.Context, cl *kgo.Client, db *sql.DB, p *progress) error {
	fetches := cl.PollRecords(ctx, barePage)
	if err := fetches.Err(); err != nil {
		return err
	}
	p.add(fetches.NumRecords())
	var rows seenRows
	for iter := fetches.RecordIter(); !iter.Done(); {
		r := iter.Next()
		var e happened
		if err := json.Unmarshal(r.Value, &e); err != nil {
			return err
		}
		version, err := strconv.ParseInt(header(r, relaying.HeaderVersion), 10, 64)
		if err != nil {
			return err
		}
		rows.add(string(r.Key), version, e)
	}
	_, err := db.ExecContext(ctx, insertSeenSQL, rows.args()...)
	return err
}

func header(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}
