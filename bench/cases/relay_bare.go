package cases

import (
	"context"
	"errors"
	"sync"

	watermillkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/jmoiron/sqlx"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
	"github.com/tenon-go/tenon/bench/measure"
)

const (
	bareName = "bare loop"
	sameName = "bare loop, same records"
	barePage = 5000
)

// bareRelay reads pages by position and produces them, with nothing else: no cursor, no headers, no transactions.
func (w world) bareRelay() measure.Competitor {
	return w.bare(bareName, bareLoop, "over the whole backlog: SELECT pages of 5,000 by position, franz-go's producer with its defaults "+
		"(idempotent, acks=all), key and value only, the next page read while the last one is sent.")
}

// sameRelay is the bare loop that a reader couldn't tell from the relay.
func (w world) sameRelay() measure.Competitor {
	return w.bare(sameName, sameLoop, "as the bare loop, but it reads the columns that records are made of, and sends them with the relay's headers; "+
		"still without transactions, cursors and care for what is committed late.")
}

func (w world) bare(name string, loop func(context.Context, *sqlx.DB, *kgo.Client) error, note string) measure.Competitor {
	return measure.Competitor{
		Name: name, Role: measure.Limit, Note: note,
		Round: func(ctx context.Context, lap *measure.Lap) error {
			url, err := w.rig.Database(ctx, lap, logged(w.sizes.Backlog))
			if err != nil {
				return err
			}
			db, err := sqlOpen(lap, url)
			if err != nil {
				return err
			}
			cl, err := kgo.NewClient(kgo.SeedBrokers(w.rig.Brokers()...), kgo.DefaultProduceTopic(topic))
			if err != nil {
				return err
			}
			lap.Cleanup(func() error { cl.Close(); return nil })
			return w.forward(ctx, lap, w.sizes.Backlog, true, background(func(ctx context.Context) error {
				if err := loop(ctx, db, cl); err != nil {
					return err
				}
				<-ctx.Done()
				return ctx.Err()
			}))
		},
	}
}

// bareLoop sends everything once.
func bareLoop(ctx context.Context, db *sqlx.DB, cl *kgo.Client) error {
	return sendPages(ctx, db, cl, `position, aggregate_id, payload`, func(rows *sqlx.Rows, r *kgo.Record) (after int64, err error) {
		err = rows.Scan(&after, &r.Key, &r.Value)
		return after, err
	})
}

// sameLoop sends everything once, with headers.
func sameLoop(ctx context.Context, db *sqlx.DB, cl *kgo.Client) error {
	return sendPages(ctx, db, cl, eventColumns, func(rows *sqlx.Rows, r *kgo.Record) (int64, error) {
		e, err := scanEvent(rows)
		if err != nil {
			return 0, err
		}
		r.Key, r.Value = []byte(e.AggregateID), e.Payload
		headers := append(relaying.Headers(&e), relaying.Header{Name: watermillkafka.UUIDHeaderKey, Value: e.ID.String()})
		r.Headers = make([]kgo.RecordHeader, len(headers))
		for i, h := range headers {
			r.Headers[i] = kgo.RecordHeader{Key: h.Name, Value: []byte(h.Value)}
		}
		return e.Position, nil
	})
}

// eventColumns are what a record is made of.
const eventColumns = `position, event_id, aggregate_type, aggregate_id, version, event_type, schema_version, payload, correlation_id,
	causation_id, traceparent`

func scanEvent(rows *sqlx.Rows) (e eventlog.Record, err error) {
	err = rows.Scan(&e.Position, &e.ID, &e.AggregateType, &e.AggregateID, &e.Version, &e.Type, &e.SchemaVersion, &e.Payload,
		&e.CorrelationID, &e.CausationID, &e.Traceparent)
	return e, err
}

// sendPages reads columns of all events and sends what scan makes of each.
func sendPages(ctx context.Context, db *sqlx.DB, cl *kgo.Client, columns string, scan func(*sqlx.Rows, *kgo.Record) (after int64, err error)) error {
	var first errOnce
	err := readPages(ctx, db, columns, func(rows *sqlx.Rows) (int64, error) {
		r := new(kgo.Record)
		after, err := scan(rows, r)
		if err == nil {
			cl.Produce(ctx, r, func(_ *kgo.Record, err error) { first.set(err) })
		}
		return after, err
	})
	if err != nil {
		return err
	}
	if err := cl.Flush(ctx); err != nil {
		return err
	}
	return first.get()
}

// readPages reads columns of all events, row by row; each returns a row's position.
func readPages(ctx context.Context, db *sqlx.DB, columns string, each func(*sqlx.Rows) (position int64, err error)) error {
	page, err := db.PreparexContext(ctx, `SELECT `+columns+` FROM tenon.events WHERE position > $1 ORDER BY position LIMIT $2`)
	if err != nil {
		return err
	}
	defer page.Close()
	for after, n := int64(0), barePage; n == barePage; {
		rows, err := page.QueryxContext(ctx, after, barePage)
		if err != nil {
			return err
		}
		for n = 0; rows.Next(); n++ {
			if after, err = each(rows); err != nil {
				_ = rows.Close()
				return err
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
	}
	return nil
}

// errOnce keeps the first error of many goroutines.
type errOnce struct {
	mu  sync.Mutex
	err error
}

func (e *errOnce) set(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err == nil {
		e.err = err
	}
}

func (e *errOnce) get() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}
