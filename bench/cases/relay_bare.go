package cases

import (
	"context"
	"errors"
	"sync"

	"github.com/jmoiron/sqlx"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/bench/measure"
)

const (
	bareName = "bare loop"
	barePage = 5000
)

// bareRelay reads pages by position and produces them, with nothing else: no cursor, no headers, no transactions.
func (w world) bareRelay() measure.Competitor {
	return measure.Competitor{
		Name: bareName, Role: measure.Limit,
		Note: "over the whole backlog: SELECT pages of 5,000 by position, franz-go's producer with its defaults (idempotent, acks=all), key and value " +
			"only, the next page read while the last one is sent.",
		Round: func(ctx context.Context, lap *measure.Lap) error {
			url, err := w.rig.Database(ctx, lap, logged(w.sizes.Backlog))
			if err != nil {
				return err
			}
			db, err := sqlx.Open("postgres", url)
			if err != nil {
				return err
			}
			lap.Cleanup(db.Close)
			cl, err := kgo.NewClient(kgo.SeedBrokers(w.rig.Brokers()...), kgo.DefaultProduceTopic(topic))
			if err != nil {
				return err
			}
			lap.Cleanup(func() error { cl.Close(); return nil })
			return w.forward(ctx, lap, w.sizes.Backlog, true, background(func(ctx context.Context) error {
				if err := bareLoop(ctx, db, cl); err != nil {
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
	page, err := db.PreparexContext(ctx, `SELECT position, aggregate_id, payload FROM tenon.events WHERE position > $1 ORDER BY position LIMIT $2`)
	if err != nil {
		return err
	}
	defer page.Close()
	var first errOnce
	for after, n := int64(0), barePage; n == barePage; {
		rows, err := page.QueryContext(ctx, after, barePage)
		if err != nil {
			return err
		}
		for n = 0; rows.Next(); n++ {
			r := new(kgo.Record)
			if err := rows.Scan(&after, &r.Key, &r.Value); err != nil {
				_ = rows.Close()
				return err
			}
			cl.Produce(ctx, r, func(_ *kgo.Record, err error) { first.set(err) })
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
	}
	if err := cl.Flush(ctx); err != nil {
		return err
	}
	return first.get()
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
