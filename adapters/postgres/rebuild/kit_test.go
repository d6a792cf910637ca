package rebuild_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/postgres/rebuild"
	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/domain"
)

const (
	name  = "things"
	view  = "shop.things"
	topic = "domain.thing.events"
)

// added is the event of the tests.
type added struct {
	N   int64  `json:"n"`
	Bad string `json:"bad,omitempty"` // the version, as "2", that can't bear it
}

// thing is a row of the projection: what was added to it, and the projection's version.
type thing struct {
	ID      string         `db:"id"`
	Version domain.Version `db:"version"`
	Total   int64          `db:"total"`
	MadeBy  int            `db:"made_by" pg:"integer"`
}

// things is a version of the projection.
func things(version int) projection.Projection {
	table := postgres.NewTable[thing](projection.TableName(view, version), "id")
	p := projection.Declare(name, version, func() *projection.Rows[thing] {
		return projection.NewRows(table, func(r *thing) (*string, *domain.Version) { return &r.ID, &r.Version })
	}, topic)
	p.AllowRepeats()
	p.Keeps(view)
	projection.On(p, "thing.added", func(rows *projection.Rows[thing], e projection.Of[added]) error {
		if e.Event.Bad == fmt.Sprint(version) {
			return errors.New("this version can't bear it")
		}
		if rows.Seen(e.Record) {
			return nil
		}
		var row thing
		if e.Version > 1 {
			var err error
			if row, err = rows.Get(e.Record); err != nil {
				return err
			}
			if row.Version != e.Version-1 {
				return fmt.Errorf("%s is at version %d, and %d came", row.ID, row.Version, e.Version)
			}
		}
		row.Total, row.MadeBy = row.Total+e.Event.N, version
		rows.Set(e.Record, row)
		return nil
	})
	return p.Projection()
}

func databaseURL(t testing.TB) string {
	t.Helper()
	return embeddedtest.DatabaseFrom(t, "rebuild", func(url string) error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		db, err := postgres.Open(ctx, postgres.Config{URL: url})
		if err != nil {
			return err
		}
		err = postgres.Migrate(ctx, db, postgres.KernelSchema())
		if err == nil {
			_, err = db.Pool().ExecContext(ctx, `CREATE SCHEMA shop;
				CREATE TABLE shop.things_v1 (id text PRIMARY KEY, version bigint NOT NULL, total bigint NOT NULL, made_by integer NOT NULL);
				CREATE VIEW shop.things AS SELECT * FROM shop.things_v1`)
		}
		return errors.Join(err, db.Close())
	})
}

func open(t testing.TB, url string) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{URL: url, MaxConns: 24})
	check(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func value[V any](t testing.TB, db *postgres.DB, query string, args ...any) V {
	t.Helper()
	var v V
	check(t, db.Pool().GetContext(t.Context(), &v, query, args...))
	return v
}

// config is of a feed without Kafka.
func config(db *postgres.DB, p projection.Projection) rebuild.FeedConfig {
	types := new(codec.Types)
	codec.Register[added](types, "thing.added", 1)
	return rebuild.FeedConfig{
		DB: db, Begin: true, Lanes: 2, Poll: 10 * time.Millisecond,
		Runner: projection.RunnerConfig{
			Projection: p, Store: db, Codec: codec.JSON{Types: types}, Parking: postgres.NewDeadLetters(db),
			Retries: -1, MinBackoff: time.Millisecond, MaxBackoff: 20 * time.Millisecond,
		},
	}
}

// run runs a feed as a program does, until the test ends or stop is called.
func run(t testing.TB, cfg rebuild.FeedConfig) (f *rebuild.Feed, stop func()) {
	t.Helper()
	f, err := rebuild.NewFeed(cfg)
	check(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("feed: %v", err)
		}
	})
	t.Cleanup(stop)
	return f, stop
}

// add appends versions from to to of a thing, some in a transaction.
func add(db *postgres.DB, id string, from, to int, bad string) error {
	for v := from; v <= to; {
		var batch []eventlog.Record
		for ; v <= to && len(batch) < 5; v++ {
			payload := fmt.Sprintf(`{"n":%d,"bad":%q}`, v, bad)
			batch = append(batch, eventlog.Record{
				ID: uuid.Must(uuid.NewV7()), Topic: topic, AggregateType: "thing", AggregateID: id, Version: domain.Version(v),
				Type: "thing.added", SchemaVersion: 1, Payload: []byte(payload), RecordedAt: time.Now(),
			})
		}
		tx, err := db.Begin(context.Background())
		if err != nil {
			return err
		}
		if err = tx.Append(context.Background(), batch); err == nil {
			err = tx.Commit(context.Background())
		}
		if err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return nil
}

// eventually returns as soon as the condition returns nil. It bears what 200,000 events take on a busy machine.
func eventually(t testing.TB, condition func() error) {
	t.Helper()
	deadline := time.After(4 * time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal(err)
		}
	}
}

// differences returns where a table differs from the fold of the log.
func differences(ctx context.Context, db *postgres.DB, table string, madeBy int) ([]string, error) {
	var all []string
	err := db.Pool().SelectContext(ctx, &all, `WITH fold AS (
			SELECT aggregate_id AS id, max(version) AS version, sum((payload ->> 'n')::bigint) AS total FROM tenon.events
			WHERE topic = $1 GROUP BY 1)
		SELECT format('%s: version %s, total %s, made by %s; want %s, %s, %s', coalesce(f.id, t.id), t.version, t.total, t.made_by, f.version, f.total, $2::integer)
		FROM fold AS f FULL JOIN `+table+` AS t USING (id)
		WHERE (t.version, t.total, t.made_by) IS DISTINCT FROM (f.version, f.total, $2::integer) LIMIT 10`, topic, madeBy)
	return all, err
}

// wantFold waits until a table is the fold of the log, as a version makes it.
func wantFold(t testing.TB, db *postgres.DB, table string, madeBy int) {
	t.Helper()
	eventually(t, func() error {
		all, err := differences(t.Context(), db, table, madeBy)
		if err == nil && len(all) > 0 {
			err = fmt.Errorf("%s: %v", table, all)
		}
		return err
	})
}

// wantState waits until a version is in a state, and fed from a source unless that is "".
func wantState(t testing.TB, db *postgres.DB, number int, s rebuild.State, src rebuild.Source) {
	t.Helper()
	eventually(t, func() error {
		v, err := rebuild.NewVersions(db).Get(t.Context(), name, number)
		if err == nil && (v.State != s || src != "" && v.Source != src) {
			err = fmt.Errorf("version %d is %s, fed from %s; want %s, %s; it says %q", number, v.State, v.Source, s, src, v.LastError)
		}
		return err
	})
}
