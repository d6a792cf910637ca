package cases

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ThreeDotsLabs/watermill"
	watermillkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v3/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/components/forwarder"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tenon-go/tenon/bench/measure"
	"github.com/tenon-go/tenon/bench/rig"
)

// outboxTopic is the forwarder's topic in the database.
const outboxTopic = "events"

// stockForwarder is Watermill's forwarder as its documentation sets it up: default PostgreSQL schema and offsets, default Kafka
// publisher and marshaler. Its messages are written by its own publisher, in transactions of many: that isn't measured.
//
// For each 100 messages it looks at all that are left, so it gets faster as the backlog shrinks. Counted is the middle,
// which stands for the whole: the outbox begins with half of the backlog, and half of what is counted.
func (w world) stockForwarder() measure.Competitor {
	return measure.Competitor{
		Name: stockName, Role: measure.Peer,
		Note: fmt.Sprintf("over the %d events in the middle of a backlog of that size in watermill-sql's own table: its query looks at all that is "+
			"left for each 100 messages, so the middle stands for the whole. Defaults throughout: no key, no order, acknowledged by the "+
			"leader alone.", w.sizes.OneByOne),
		Round: func(ctx context.Context, lap *measure.Lap) error {
			url, err := w.rig.Database(ctx, lap, stockOutbox((w.sizes.Backlog+w.sizes.OneByOne)/2))
			if err != nil {
				return err
			}
			db, err := sql.Open("postgres", url)
			if err != nil {
				return err
			}
			lap.Cleanup(db.Close)
			subscriber, err := watermillsql.NewSubscriber(db, watermillsql.SubscriberConfig{
				SchemaAdapter: watermillsql.DefaultPostgreSQLSchema{}, OffsetsAdapter: watermillsql.DefaultPostgreSQLOffsetsAdapter{},
				InitializeSchema: true,
			}, watermill.NopLogger{})
			if err != nil {
				return err
			}
			publisher, err := watermillkafka.NewPublisher(watermillkafka.PublisherConfig{
				Brokers: w.rig.Brokers(), Marshaler: watermillkafka.DefaultMarshaler{},
			}, watermill.NopLogger{})
			if err != nil {
				return err
			}
			f, err := forwarder.NewForwarder(subscriber, publisher, watermill.NopLogger{}, forwarder.Config{ForwarderTopic: outboxTopic})
			if err != nil {
				return err
			}
			return w.forward(ctx, lap, w.sizes.OneByOne, false, background(func(ctx context.Context) error {
				return errors.Join(f.Run(ctx), publisher.Close())
			}))
		},
	}
}

// stockOutbox is a database whose outbox of Watermill holds n messages.
func stockOutbox(n int64) rig.Source {
	return rig.Source{Name: fmt.Sprintf("stock_outbox_%d", n), Fill: func(ctx context.Context, url string) error {
		db, err := sql.Open("postgres", url)
		if err != nil {
			return err
		}
		setUp, err := watermillsql.NewPublisher(db, watermillsql.PublisherConfig{
			SchemaAdapter: watermillsql.DefaultPostgreSQLSchema{}, AutoInitializeSchema: true,
		}, watermill.NopLogger{})
		if err != nil {
			return err
		}
		outbox := forwarder.NewPublisher(setUp, forwarder.PublisherConfig{ForwarderTopic: outboxTopic})
		for from := int64(0); from < n; from += loadChunk {
			if err := publishAll(outbox, from, min(from+loadChunk, n)); err != nil {
				return err
			}
		}
		return db.Close()
	}}
}

func publishAll(outbox message.Publisher, from, to int64) error {
	messages := make([]*message.Message, 0, to-from)
	for seq := from; seq < to; seq++ {
		payload, err := json.Marshal(happened{Seq: seq, Text: text(seq)})
		if err != nil {
			return err
		}
		messages = append(messages, message.NewMessage(watermill.NewUUID(), payload))
	}
	return outbox.Publish(topic, messages...)
}
