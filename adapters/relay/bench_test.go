package relay_test

import (
	"context"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay"
)

// BenchmarkBacklog relays a log that is there already: PostgreSQL to an in-process broker.
func BenchmarkBacklog(b *testing.B) {
	const backlog = 20_000
	dsn := database(b)
	db := open(b, dsn)
	_, err := db.Pool().Exec(`INSERT INTO tenon.events (recorded_at, version, event_id, schema_version, bucket, topic,
			aggregate_type, aggregate_id, event_type, payload)
		SELECT now(), n / 1000 + 1, gen_random_uuid(), 1, 0, 'domain.thing.events', 'thing', 'a' || n % 1000, 'thing.happened',
			json_build_object('text', repeat('x', 150)) FROM generate_series(0, $1::int - 1) n ORDER BY n`, backlog)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		broker := embeddedtest.Broker(b)
		if _, err := db.Pool().Exec(`DELETE FROM tenon.cursors`); err != nil {
			b.Fatal(err)
		}
		if _, err := db.Pool().Exec(`DELETE FROM tenon.relay_batches`); err != nil {
			b.Fatal(err)
		}
		r, to, err := newRelay(db, broker)
		if err != nil {
			b.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		began := time.Now()
		go func() { done <- r.Run(ctx) }()
		waitFor(b, "the backlog", func() bool { return finished(b, db) })
		b.ReportMetric(backlog/time.Since(began).Seconds(), "events/s")
		stop()
		if err := <-done; err != nil {
			b.Fatal(err)
		}
		_ = to.Close()
	}
}

// finished reports whether the relay has confirmed all there is.
func finished(t testing.TB, db *postgres.DB) bool {
	var all bool
	err := db.Pool().QueryRow(`SELECT coalesce((SELECT s2 IS NULL AND pg_visible_in_snapshot(
		(SELECT xid FROM tenon.events ORDER BY xid DESC LIMIT 1), s1) FROM tenon.cursors WHERE name = 'relay'), false)`).Scan(&all)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// BenchmarkWrap is what the library's own publisher costs per record.
func BenchmarkWrap(b *testing.B) {
	r := record(1)
	for b.Loop() {
		if _, err := relay.Wrap(r); err != nil {
			b.Fatal(err)
		}
	}
}
