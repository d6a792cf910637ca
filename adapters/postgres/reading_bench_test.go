package postgres_test

import (
	"errors"
	"testing"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/reading"
	"github.com/tenon-go/tenon/domain"
)

// listed is a row of a projection that knows its versions.
type listed struct {
	ID      string         `db:"id" pg:"uuid"`
	Version domain.Version `db:"version"`
	Content string         `db:"content"`
}

// readingAt returns the projections "once" and "rows", which have 100,000 orders at version 3 of 4, 10,000 sequences being parked of
// "rows", and a thousand of the ids.
func readingAt(b *testing.B, db *postgres.DB) (*reading.Models, []string) {
	b.Helper()
	exec(b, db, "CREATE TABLE public.list (id uuid PRIMARY KEY, version bigint NOT NULL, content text NOT NULL)")
	exec(b, db, `INSERT INTO public.list SELECT md5(n::text)::uuid, 3, repeat('x', 100) FROM generate_series(1, 100000) n`)
	exec(b, db, `INSERT INTO tenon.applied SELECT 'once', 1, 'order', id::text, version FROM public.list`)
	exec(b, db, `INSERT INTO tenon.events (recorded_at, version, event_id, schema_version, bucket, topic, aggregate_type, aggregate_id, event_type, payload)
		SELECT now(), v, gen_random_uuid(), 1, 0, 'orders', 'order', id::text, 'order.happened', '{}' FROM public.list, generate_series(1, 4) v`)
	exec(b, db, `INSERT INTO tenon.parked_sequences (projection, version, topic, partition, aggregate_type, aggregate_id, parked_at)
		SELECT 'rows', 1, 'orders', n % 8, 'order', 'stuck-' || n, now() FROM generate_series(1, 10000) n`)
	exec(b, db, "ANALYZE")
	once := projection.Projection{Name: "once", Version: 1, Topics: []string{"orders"}, Types: []string{"order.happened", "order.made"}}
	rows := once
	rows.Name, rows.Repeats = "rows", projection.Allowed
	table := postgres.NewTable[listed]("public.list", "id")
	rows.Reached = projection.Versions(table, func(r *listed) (*string, *domain.Version) { return &r.ID, &r.Version })
	models := reading.NewModels(db)
	models.Add(once)
	models.Add(rows)
	var ids []string
	if err := db.Pool().Select(&ids, "SELECT id::text FROM public.list LIMIT 1000"); err != nil {
		b.Fatal(err)
	}
	return models, ids
}

// BenchmarkReading is what a read with a token costs before its query, beside the bare round trip.
func BenchmarkReading(b *testing.B) {
	db := open(b)
	models, ids := readingAt(b, db)
	token := func(n int, v domain.Version) reading.Token {
		return reading.NewToken(eventlog.Head{Type: "order", ID: ids[n%len(ids)], Version: v})
	}
	run := func(name, model string, want error, token func(n int) reading.Token) {
		b.Run(name, func(b *testing.B) {
			for n := 0; b.Loop(); n++ {
				if _, err := models.Await(b.Context(), model, token(n), 0); !errors.Is(err, want) {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("bare round trip", func(b *testing.B) {
		for b.Loop() {
			if n := queryValue[int](b, db, "SELECT $1::int", 1); n != 1 {
				b.Fatal(n)
			}
		}
	})
	for _, name := range []string{"once", "rows"} {
		run(name, name, nil, func(n int) reading.Token { return token(n, 3) })
		run(name+" behind", name, reading.ErrBehind, func(n int) reading.Token { return token(n, 4) })
	}
	all := reading.Token{}
	for n := range 20 {
		all = all.And(token(n, 3))
	}
	run("twenty aggregates", "once", nil, func(int) reading.Token { return all })
}
