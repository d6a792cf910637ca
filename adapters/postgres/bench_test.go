package postgres_test

import (
	"context"
	"database/sql"
	"fmt"
	"runtime"
	"testing"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
)

// BenchmarkAppend compares a unit of one state row and one event with what is written by hand on lib/pq.
func BenchmarkAppend(b *testing.B) {
	for _, clients := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("clients=%d/by hand", clients), func(b *testing.B) {
			_, url := benchDB(b, clients)
			db := must(sql.Open("postgres", url))(b)
			defer db.Close()
			db.SetMaxOpenConns(clients)
			db.SetMaxIdleConns(clients)
			inParallel(b, clients, func(ctx context.Context) error { return byHand(ctx, db) })
		})
		b.Run(fmt.Sprintf("clients=%d/postgres.Tx", clients), func(b *testing.B) {
			db, _ := benchDB(b, clients)
			inParallel(b, clients, func(ctx context.Context) error { return byTx(ctx, db) })
		})
	}
}

func benchDB(b *testing.B, clients int) (*postgres.DB, string) {
	b.Helper()
	url := migratedURL(b)
	db := openConfig(b, postgres.Config{URL: url, MaxConns: clients})
	exec(b, db, "CREATE TABLE public.state (id uuid PRIMARY KEY, version bigint NOT NULL)")
	return db, url
}

func inParallel(b *testing.B, clients int, unit func(context.Context) error) {
	b.Helper()
	b.SetParallelism(max(1, clients/runtime.GOMAXPROCS(0)))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := unit(b.Context()); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "units/s")
}

const insertState = "INSERT INTO public.state (id, version) VALUES ($1, $2)"

func byHand(ctx context.Context, db *sql.DB) error {
	r := event(uuid.NewString(), 1)
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, insertState, r.AggregateID, 1); err != nil {
		return err
	}
	if err := insertEvent(ctx, tx, r); err != nil {
		return err
	}
	return tx.Commit()
}

func insertEvent(ctx context.Context, tx *sql.Tx, r eventlog.Record) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO tenon.events (event_id, topic, aggregate_type, aggregate_id, version, bucket, event_type,
		schema_version, payload, recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, r.ID, r.Topic, r.AggregateType, r.AggregateID,
		int64(r.Version), eventlog.Bucket(r.AggregateID), r.Type, r.SchemaVersion, string(r.Payload), r.RecordedAt)
	return err
}

func byTx(ctx context.Context, db *postgres.DB) error {
	r := event(uuid.NewString(), 1)
	tx, err := db.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := postgres.SQL(tx).ExecContext(ctx, insertState, r.AggregateID, 1); err != nil {
		return err
	}
	if err := tx.Append(ctx, []eventlog.Record{r}); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// BenchmarkRead measures pages of a large window.
func BenchmarkRead(b *testing.B) {
	db := openURL(b, migratedURL(b))
	exec(b, db, fmt.Sprintf(fillSQL, 30_000, "many"))
	exec(b, db, "VACUUM ANALYZE tenon.events")
	for _, limit := range []int{100, 1000, 5000} {
		b.Run(fmt.Sprintf("limit=%d", limit), func(b *testing.B) {
			var cursor eventlog.Cursor
			records := 0
			for b.Loop() {
				page := must(db.Read(b.Context(), cursor, limit))(b)
				records, cursor = records+len(page.Records), page.Next
				if len(page.Records) == 0 {
					cursor = ""
				}
			}
			b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
