package cases

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/lib/pq"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/bench/measure"
	"github.com/tenon-go/tenon/bench/rig"
)

const (
	projectionName = "tenon"
	allowedName    = "tenon, repeats allowed"
	handlerName    = "Watermill handler"
	pollName       = "bare poll and insert"
)

// projection is a read model of one row an event.
func (w world) projection() measure.Case {
	topic := &filledTopic{rig: w.rig, name: "bench.projected", events: w.sizes.Projected}
	return measure.Case{
		Name: "projection of inserts",
		About: fmt.Sprintf("%d events of 250 B on a topic of %d partitions become a row each in a table. Counted from the first record that is "+
			"handled, so that joining the group doesn't count.", w.sizes.Projected, relayPartitions),
		Metrics: rate("events/s"),
		Competitors: []measure.Competitor{
			w.projectOurs(topic, projectionName, projection.Once, nil,
				"batches with their checkpoint in one transaction, exactly once, also what comes again under another offset."),
			w.projectOurs(topic, allowedName, projection.Allowed, nil,
				"as before, for a table that takes care of what comes again, or a relay that repeats nothing."),
			w.projectOurs(topic, parkedName, projection.Once, parkMany,
				"as the first, while that many other aggregates of the same partitions are held back."),
			w.handlePerMessage(topic), w.pollAndInsert(topic),
		},
		Goals: []measure.Goal{
			{
				Metric: "rate", Of: projectionName, Against: handlerName, AtLeast: 25,
				Unmet: "The limit shows what is left to gain; with data in memory the peer's commits cost no disk.",
			},
			{
				Metric: "rate", Of: allowedName, Against: pollName, AtLeast: 0.7,
				Unmet: "The checkpoint, and reading ten headers a record into an event.",
			},
			{
				Metric: "rate", Of: parkedName, Against: projectionName, AtLeast: 0.95,
				Unmet: "Both do the same work but for one look-up a partition at the start: the rounds' spread.",
			},
		},
	}
}

const insertSeenSQL = `INSERT INTO bench.seen (seq, aggregate_id, version, text)
	SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[])`

// seenRows holds rows by column.
type seenRows struct {
	seqs, versions pq.Int64Array
	keys, texts    pq.StringArray
}

func (s *seenRows) add(key string, version int64, e happened) {
	s.seqs, s.versions = append(s.seqs, e.Seq), append(s.versions, version)
	s.keys, s.texts = append(s.keys, key), append(s.texts, e.Text)
}

func (s *seenRows) args() []any { return []any{s.seqs, s.keys, s.versions, s.texts} }

func rowsOf(batch []projection.Event) *seenRows {
	rows := new(seenRows)
	for _, e := range batch {
		rows.add(e.AggregateID, int64(e.Version), e.Event.(happened)) //nolint:errcheck,forcetypeassert // the one type that it handles
	}
	return rows
}

// seen is the projection as a user writes it; handled is told of each batch before it is stored.
func seen(round int64, topic string, repeats projection.Repeats, handled func(batch []projection.Event)) *projection.Projection {
	return &projection.Projection{
		Name: "seen", Version: int(round), Topics: []string{topic}, Types: []string{eventType}, Repeats: repeats,
		Apply: func(ctx context.Context, tx eventlog.Tx, batch []projection.Event) error {
			handled(batch)
			rows := rowsOf(batch)
			_, err := postgres.SQL(tx).ExecContext(ctx, insertSeenSQL, rows.args()...)
			return postgres.Wrap(ctx, err)
		},
	}
}

// projectOurs runs the projection in a database that before has prepared, if it isn't nil.
func (w world) projectOurs(topic *filledTopic, name string, repeats projection.Repeats, before prepare, note string) measure.Competitor {
	return measure.Competitor{
		Name: name, Role: measure.Ours, Note: note,
		Round: func(ctx context.Context, lap *measure.Lap) error {
			round, url, err := topic.next(ctx, lap)
			if err != nil {
				return err
			}
			progress := newProgress()
			reads := seen(round, topic.name, repeats, func(batch []projection.Event) { progress.add(len(batch)) })
			after := func(context.Context) error { return nil }
			if before != nil {
				if after, err = before(ctx, url, reads); err != nil {
					return err
				}
			}
			p := program{url: url, brokers: w.rig.Brokers()[0], roles: "projections", projection: reads}
			if err := w.projected(ctx, lap, url, w.sizes.Projected, progress, p.start); err != nil {
				return err
			}
			return after(ctx)
		},
	}
}

// progress counts what was handled, from the moment of the first.
type progress struct {
	began   atomic.Int64 // Unix time in nanoseconds
	handled atomic.Int64
}

func newProgress() *progress { return new(progress) }

func (p *progress) add(n int) {
	p.began.CompareAndSwap(0, time.Now().UnixNano())
	p.handled.Add(int64(n))
}

// until waits until n events were handled and then until stored says that they are all there, while the projection runs.
func (p *progress) until(ctx context.Context, n int64, failed <-chan error, stored func() (bool, error)) error {
	return rig.Until(ctx, func() (bool, error) {
		select {
		case err := <-failed:
			return false, fmt.Errorf("the projection ended: %w", err)
		default:
		}
		if p.handled.Load() < n {
			return false, nil
		}
		return stored()
	})
}

// projected measures the time from the first record handled until n rows are in the table; there may be more then. They must
// be different ones and whole.
func (w world) projected(ctx context.Context, lap *measure.Lap, url string, n int64, p *progress, start starter) error {
	failed, err := start(ctx, lap)
	if err != nil {
		return err
	}
	db, err := sqlOpen(lap, url)
	if err != nil {
		return err
	}
	var rows int64
	err = p.until(ctx, n, failed, func() (bool, error) {
		err := db.QueryRowContext(ctx, `SELECT count(*) FROM bench.seen`).Scan(&rows)
		return rows >= n, err
	})
	if err != nil {
		return err
	}
	lap.Record("rate", float64(rows)/time.Since(time.Unix(0, p.began.Load())).Seconds())
	if n < w.sizes.Projected {
		return nil // the table's key keeps rows apart
	}
	return count(ctx, url, fmt.Sprintf(`SELECT count(*) FROM bench.seen CROSS JOIN LATERAL (SELECT seq AS n) AS number WHERE seq BETWEEN 0 AND %d AND version = seq / %d + 1
		AND text = %s AND aggregate_id <> ''`, n-1, streams, textSQL), n)
}
