package cases

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
	"github.com/tenon-go/tenon/bench/measure"
	"github.com/tenon-go/tenon/bench/rig"
	"github.com/tenon-go/tenon/domain"
)

// filledTopic is a topic of events as the relay writes them, filled once and read in every round.
type filledTopic struct {
	rig    *rig.Rig
	name   string
	events int64

	mu     sync.Mutex
	rounds int64
}

// next returns the number of a new round, from 1, and a database for it.
func (t *filledTopic) next(ctx context.Context, lap *measure.Lap) (round int64, url string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rounds == 0 {
		if err := t.fill(ctx); err != nil {
			return 0, "", fmt.Errorf("fill topic %s: %w", t.name, err)
		}
	}
	t.rounds++
	url, err = t.rig.Database(ctx, lap, empty())
	return t.rounds, url, err
}

func (t *filledTopic) fill(ctx context.Context) error {
	if err := t.rig.Topic(ctx, t.name, relayPartitions); err != nil {
		return err
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(t.rig.Brokers()...), kgo.DefaultProduceTopic(t.name))
	if err != nil {
		return err
	}
	defer cl.Close()
	var first errOnce
	for seq := range t.events {
		record, err := published(seq)
		if err != nil {
			return err
		}
		cl.Produce(ctx, record, func(_ *kgo.Record, err error) { first.set(err) })
	}
	if err := cl.Flush(ctx); err != nil {
		return err
	}
	return first.get()
}

// published is event number seq as a relay publishes it.
func published(seq int64) (*kgo.Record, error) {
	payload, err := json.Marshal(happened{Seq: seq, Text: text(seq)})
	if err != nil {
		return nil, err
	}
	key := uuid.NewSHA1(uuid.Nil, fmt.Appendf(nil, "thing %d", seq%streams)).String()
	headers := relaying.Headers(&eventlog.Record{
		Position: seq + 1, ID: uuid.Must(uuid.NewV7()), AggregateType: thingType, AggregateID: key, Version: domain.Version(seq/streams + 1),
		Type: eventType, SchemaVersion: 1, CorrelationID: uuid.NewString(),
	})
	record := &kgo.Record{Key: []byte(key), Value: payload}
	for _, h := range headers {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: h.Name, Value: []byte(h.Value)})
	}
	return record, nil
}
