package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// event returns an order's event at a version.
func event(id string, version domain.Version) eventlog.Record {
	return eventlog.Record{
		ID: uuid.Must(uuid.NewV7()), Topic: "domain.order.events", AggregateType: "order", AggregateID: id, Version: version,
		Type: "order.noted", SchemaVersion: 1, Payload: fmt.Appendf(nil, `{"version": %d}`, version),
		RecordedAt: time.Date(2026, 2, 3, 4, 5, 6, 789012000, time.UTC),
	}
}

// message returns a record that is no aggregate's event.
func message(key string) eventlog.Record {
	r := event(key, 0)
	r.AggregateType = ""
	return r
}

// events returns an order's events from version first on.
func events(id string, first domain.Version, n int) []eventlog.Record {
	records := make([]eventlog.Record, n)
	for i := range records {
		records[i] = event(id, first+domain.Version(i))
	}
	return records
}

func beginTx(t testing.TB, db *postgres.DB) eventlog.Tx {
	t.Helper()
	tx := must(db.Begin(t.Context()))(t)
	t.Cleanup(func() {
		if err := tx.Rollback(); err != nil {
			t.Errorf("roll back: %v", err)
		}
	})
	return tx
}

// appendTo writes the records within tx.
func appendTo(t testing.TB, tx eventlog.Tx, records ...eventlog.Record) {
	t.Helper()
	if err := tx.Append(t.Context(), records); err != nil {
		t.Fatalf("append: %v", err)
	}
}

func commit(t testing.TB, tx eventlog.Tx) {
	t.Helper()
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

// store writes the records in a transaction of their own.
func store(t testing.TB, db *postgres.DB, records ...eventlog.Record) {
	t.Helper()
	tx := beginTx(t, db)
	appendTo(t, tx, records...)
	commit(t, tx)
}

// drain reads from the cursor on until nothing is left.
func drain(t testing.TB, r eventlog.Reader, after eventlog.Cursor, limit int) ([]eventlog.Record, eventlog.Cursor) {
	t.Helper()
	var all []eventlog.Record
	for {
		page := must(r.Read(t.Context(), after, limit))(t)
		all, after = append(all, page.Records...), page.Next
		if !page.More && len(page.Records) == 0 {
			return all, after
		}
	}
}

// names returns "id/version" of each record.
func names(records []eventlog.Record) []string {
	all := make([]string, len(records))
	for i, r := range records {
		all[i] = fmt.Sprintf("%s/%d", r.AggregateID, r.Version)
	}
	return all
}
