package postgres_test

import (
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	wsql "github.com/ThreeDotsLabs/watermill-sql/v3/pkg/sql"
	watermsg "github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/adapters/postgres"
)

// A transaction that stays open delays nothing but its own records.
func TestSubscriberIsNotDelayedByOpenTransactions(t *testing.T) {
	t.Parallel()
	db := open(t)
	long := beginSQL(t, db)
	mustWrite(t, long, "long", 1, 2)
	other := beginSQL(t, db)
	must(other.ExecContext(t.Context(), `CREATE TABLE elsewhere (n int)`))(t)
	s := subscribe(t, db, postgres.SubscriberConfig{Batch: 2})
	for round := range 3 {
		mustWrite(t, db.Pool(), "short", 1+3*round, 3)
		if diff := cmp.Diff(eventsOf("short", 1+3*round, 3), s.ack(3)); diff != "" {
			t.Fatalf("behind open transactions (-want +got):\n%s", diff)
		}
	}
	if err := long.Commit(); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, db.Pool(), "short", 10, 1)
	var got tally
	for _, event := range s.ack(3) {
		got.add(event)
	}
	checkTallyOf(t, &got, "long/1", "long/2", "short/10")
}

func checkTallyOf(t testing.TB, got *tally, want ...string) {
	t.Helper()
	for _, event := range want {
		if got.times[event] != 1 {
			t.Errorf("%s was delivered %d times, want once", event, got.times[event])
		}
	}
	if len(got.times) != len(want) {
		t.Errorf("delivered %v, want %v", got.times, want)
	}
}

// The contrast: watermill-sql's own adapters deliver nothing that is newer than the oldest open transaction. If this fails,
// they have become better, and ours are to be measured against them anew.
func TestWatermillsOwnAdaptersAreDelayedByOpenTransactions(t *testing.T) {
	t.Parallel()
	db := open(t)
	offsets := wsql.DefaultPostgreSQLOffsetsAdapter{}
	schema := wsql.DefaultPostgreSQLSchema{}
	publisher := must(wsql.NewPublisher(db.Pool(), wsql.PublisherConfig{
		SchemaAdapter: schema, AutoInitializeSchema: true,
	}, watermill.NopLogger{}))(t)
	subscriber := must(wsql.NewSubscriber(db.Pool(), wsql.SubscriberConfig{
		SchemaAdapter: schema, OffsetsAdapter: offsets, InitializeSchema: true,
		PollInterval: time.Millisecond,
	}, watermill.NopLogger{}))(t)
	t.Cleanup(func() { _ = subscriber.Close() })
	messages := must(subscriber.Subscribe(t.Context(), "stock"))(t)

	long := beginSQL(t, db)
	must(long.ExecContext(t.Context(), `CREATE TABLE elsewhere (n int)`))(t)
	if err := publisher.Publish("stock", watermsg.NewMessage("1", []byte("{}"))); err != nil {
		t.Fatal(err)
	}
	// It has looked and found nothing: what it would read is there, but for the condition on xmin.
	count := `SELECT count(*) FROM watermill_stock`
	if n := queryValue[int](t, db, count); n != 1 {
		t.Fatalf("%d messages are stored, want 1", n)
	}
	if n := queryValue[int](t, db, count+` WHERE transaction_id < pg_snapshot_xmin(pg_current_snapshot())`); n != 0 {
		t.Fatalf("%d messages are below xmin while a transaction is open, want 0", n)
	}
	select {
	case m := <-messages:
		t.Errorf("message %s was delivered behind an open transaction", m.UUID)
	case <-time.After(300 * time.Millisecond):
	}
	if err := long.Rollback(); err != nil {
		t.Fatal(err)
	}
	select {
	case m := <-messages:
		m.Ack()
	case <-time.After(patience):
		t.Error("the message didn't come after the transaction's end")
	}
}
