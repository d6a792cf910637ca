package cases

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/postgres/rebuild"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/bench/measure"
	"github.com/tenon-go/tenon/domain"
)

const (
	perAggregateName = "tenon, a row per aggregate"
	perEventName     = "tenon, a row per event"
	bareReadName     = "bare read"

	rebuiltName   = "rebuilt"
	rebuiltThings = "bench.rebuilt_things"
	rebuiltSeen   = "bench.rebuilt_seen"
)

const rebuildLimit = "Two cores, which PostgreSQL shares and all of which are busy. A bare read decodes nothing and keeps no rows."

// rebuild is a changed version of a read model, built from the log beside the one that serves.
func (w world) rebuild() measure.Case {
	return measure.Case{
		Name: "rebuild from the log",
		About: fmt.Sprintf("Version 2 of a read model is built from a log of %d events of 250 B by %d aggregates. Counted from the first event that "+
			"is handled until all rows are stored; readers must see the whole of it afterwards.", w.sizes.Projected, streams),
		Metrics: rate("events/s"),
		Competitors: []measure.Competitor{
			w.rebuildOurs(perAggregateName, rebuiltThings, "coalesce(sum(version), 0)", thingRows,
				"projection.DeclareRows over postgres.Table, as the order context's list: a batch is one SELECT and one INSERT ... ON CONFLICT."),
			w.rebuildOurs(perEventName, rebuiltSeen, "count(*)", seenAgain, "one INSERT a batch; what limits it is the table with its key."),
			w.bareRead(),
		},
		Goals: []measure.Goal{
			{Metric: "rate", Of: perAggregateName, Against: bareReadName, AtLeast: 0.5, Unmet: rebuildLimit},
			{Metric: "rate", Of: perAggregateName, AtLeast: 100_000, Unmet: rebuildLimit},
		},
	}
}

// thingRow is a row of the read model of one row per aggregate.
type thingRow struct {
	ID      string         `db:"id"`
	Version domain.Version `db:"version"`
	Seq     int64          `db:"seq"`
	Text    string         `db:"text"`
}

func (r *thingRow) ref() (id *string, version *domain.Version) { return &r.ID, &r.Version }

// thingRows is the read model as a user writes it.
func thingRows(version int, handled func(n int)) projection.Projection {
	table := postgres.NewTable[thingRow](projection.TableName(rebuiltThings, version), "id")
	d := projection.DeclareRows(rebuiltName, version, table, (*thingRow).ref, topic)
	d.Keeps(rebuiltThings)
	projection.On(d, eventType, func(rows *projection.Rows[thingRow], e projection.Of[happened]) error {
		if rows.Seen(e.Record) {
			return nil
		}
		var row thingRow
		if e.Version > 1 {
			var err error
			if row, err = rows.Get(e.Record); err != nil {
				return err
			}
		}
		row.Seq, row.Text = e.Event.Seq, e.Event.Text
		rows.Set(e.Record, row)
		return nil
	})
	return told(d.Projection(), handled)
}

const insertAgainSQL = `INSERT INTO %s (seq, aggregate_id, version, text) SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[])`

// seenAgain is the read model of [seen], in tables by version.
func seenAgain(version int, handled func(n int)) projection.Projection {
	insert := fmt.Sprintf(insertAgainSQL, projection.TableName(rebuiltSeen, version))
	return told(projection.Projection{
		Name: rebuiltName, Version: version, Topics: []string{topic}, Types: []string{eventType}, Tables: []string{rebuiltSeen},
		Apply: func(ctx context.Context, tx eventlog.Tx, batch []projection.Event) error {
			_, err := postgres.SQL(tx).ExecContext(ctx, insert, rowsOf(batch).args()...)
			return postgres.Wrap(ctx, err)
		},
	}, handled)
}

// told tells of each batch before it is applied.
func told(p projection.Projection, handled func(n int)) projection.Projection {
	apply := p.Apply
	p.Apply = func(ctx context.Context, tx eventlog.Tx, batch []projection.Event) error {
		handled(len(batch))
		return apply(ctx, tx, batch)
	}
	return p
}

// rebuildOurs builds version 2 of a projection beside version 1, which serves and is empty; passed is how many events a table has.
func (w world) rebuildOurs(name, view, passed string, version func(version int, handled func(int)) projection.Projection, note string) measure.Competitor {
	return measure.Competitor{
		Name: name, Role: measure.Ours, Note: note,
		Round: func(ctx context.Context, lap *measure.Lap) error {
			url, err := w.rig.Database(ctx, lap, logged(w.sizes.Projected))
			if err != nil {
				return err
			}
			if err := enterFirst(ctx, url, version(1, func(int) {})); err != nil {
				return err
			}
			db, err := sqlOpen(lap, url)
			if err != nil {
				return err
			}
			progress := newProgress()
			built := version(2, progress.add)
			p := program{url: url, roles: "projections", projection: &built, env: []string{"TENON_PROJECTIONS_SOURCE=log"}}
			failed, err := p.start(ctx, lap)
			if err != nil {
				return err
			}
			return w.rebuilt(ctx, lap, progress, failed, func(table string) (n int64, err error) {
				err = db.QueryRowContext(ctx, `SELECT `+passed+` FROM `+table).Scan(&n)
				return n, err
			}, view)
		},
	}
}

// enterFirst stores that a version serves, which no program runs.
func enterFirst(ctx context.Context, url string, p projection.Projection) error {
	db, err := postgres.Open(ctx, postgres.Config{URL: url})
	if err != nil {
		return err
	}
	_, err = rebuild.NewVersions(db).Enter(ctx, rebuild.Entry{Projection: p, Source: rebuild.Log})
	return errors.Join(err, db.Close())
}

// rebuilt measures how many events a second come to be in the rows of version 2, and waits until readers see them all.
func (w world) rebuilt(
	ctx context.Context, lap *measure.Lap, p *progress, failed <-chan error, passed func(table string) (int64, error), view string,
) error {
	n := w.sizes.Projected
	all := func(table string) error {
		return p.until(ctx, n, failed, func() (bool, error) {
			got, err := passed(table)
			if err == nil && got > n {
				err = fmt.Errorf("%s has %d events, want %d", table, got, n)
			}
			return got == n, err
		})
	}
	if err := all(projection.TableName(view, 2)); err != nil {
		return err
	}
	lap.Record("rate", float64(n)/time.Since(time.Unix(0, p.began.Load())).Seconds())
	return all(view)
}

// bareRead reads what records are made of, and does nothing with it.
func (w world) bareRead() measure.Competitor {
	return measure.Competitor{
		Name: bareReadName, Role: measure.Limit,
		Note: "SELECT pages of 5,000 by position, all columns that an event is made of, nothing decoded, one connection.",
		Round: func(ctx context.Context, lap *measure.Lap) error {
			url, err := w.rig.Database(ctx, lap, logged(w.sizes.Projected))
			if err != nil {
				return err
			}
			db, err := sqlOpen(lap, url)
			if err != nil {
				return err
			}
			began, n := time.Now(), int64(0)
			err = readPages(ctx, db, eventColumns, func(rows *sqlx.Rows) (int64, error) {
				n++
				e, err := scanEvent(rows)
				return e.Position, err
			})
			if err != nil {
				return err
			}
			lap.Record("rate", float64(n)/time.Since(began).Seconds())
			if n != w.sizes.Projected {
				return fmt.Errorf("read %d events, want %d", n, w.sizes.Projected)
			}
			return nil
		},
	}
}
