package cases

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/bench/rig"
)

// streams is the number of aggregates that loaded events belong to, loadChunk that of events in a transaction.
const (
	streams   = 1000
	loadChunk = 5000
)

// empty is a database with the schemas.
func empty() rig.Source { return rig.Source{Name: "empty", Fill: migrate} }

func migrate(ctx context.Context, url string) error {
	db, err := postgres.Open(ctx, postgres.Config{URL: url})
	if err != nil {
		return err
	}
	return errors.Join(postgres.Migrate(ctx, db, schemas()...), db.Close())
}

// logged is a database whose log holds n events, number i being of aggregate i % streams.
func logged(n int64) rig.Source {
	return rig.Source{Name: fmt.Sprintf("logged_%d", n), Fill: func(ctx context.Context, url string) error {
		if err := migrate(ctx, url); err != nil {
			return err
		}
		return withPool(url, func(db *sqlx.DB) error { return load(ctx, db, n) })
	}}
}

// textSQL is the text of event n.
const textSQL = `(SELECT string_agg(md5(n || '/' || i), '' ORDER BY i) FROM generate_series(0, 6) AS i)`

const loadSQL = `
INSERT INTO tenon.events (recorded_at, version, event_id, schema_version, bucket, topic, aggregate_type, aggregate_id, event_type,
    correlation_id, payload)
SELECT now(), n / array_length($3::text[], 1) + 1, gen_random_uuid(), 1, ($4::smallint[])[n % array_length($3::text[], 1) + 1], $5, $6,
    ($3::text[])[n % array_length($3::text[], 1) + 1], $7, gen_random_uuid()::text,
    ('{"seq":' || n || ',"text":"' || ` + textSQL + ` || '"}')::json
FROM generate_series($1::bigint, $2::bigint) AS n ORDER BY n`

func load(ctx context.Context, db *sqlx.DB, n int64) error {
	keys, buckets := make(pq.StringArray, streams), make(pq.Int32Array, streams)
	for i := range keys {
		keys[i] = uuid.NewSHA1(uuid.Nil, fmt.Appendf(nil, "thing %d", i)).String()
		buckets[i] = int32(eventlog.Bucket(keys[i]))
	}
	for from := int64(0); from < n; from += loadChunk {
		to := min(from+loadChunk, n) - 1
		if _, err := db.ExecContext(ctx, loadSQL, from, to, keys, buckets, topic, thingType, eventType); err != nil {
			return err
		}
	}
	return nil
}

// withPool runs f with connections of its own to a database.
func withPool(url string, f func(*sqlx.DB) error) error {
	db, err := sqlx.Open("postgres", url)
	if err != nil {
		return err
	}
	return errors.Join(f(db), db.Close())
}

// count returns the number that a query yields, and fails unless it is want.
func count(ctx context.Context, url, query string, want int64) error {
	return withPool(url, func(db *sqlx.DB) error {
		var got int64
		if err := db.GetContext(ctx, &got, query); err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("%s: %d, want %d", query, got, want)
		}
		return nil
	})
}
