package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/consuming"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
	"github.com/tenon-go/tenon/ports/consumer"
)

// appendChanges appends versions from to to of an aggregate, each in a transaction of its own.
func appendChanges(t testing.TB, db *postgres.DB, id string, from, to domain.Version, payload string) {
	t.Helper()
	for v := from; v <= to; v++ {
		tx := must(db.Begin(t.Context()))(t)
		err := tx.Append(t.Context(), []eventlog.Record{{
			ID: uuid.Must(uuid.NewV7()), Topic: "domain.thing.events", AggregateType: "thing", AggregateID: id, Version: v,
			Type: "thing.changed", SchemaVersion: 1, Payload: []byte(payload), RecordedAt: time.Now(),
		}})
		if err == nil {
			err = tx.Commit(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

type changed struct {
	Bad string `json:"bad"`
}

// logNode runs a router whose handler notes each change in the table notes, until the test ends or stop is called.
func logNode(t testing.TB, db *postgres.DB) (router *consumer.Router, stop func()) {
	t.Helper()
	s := must(postgres.NewSubscriber(db, postgres.SubscriberConfig{
		Group: "handler.notes", Unmarshal: postgres.LogMessage, PollInterval: 20 * time.Millisecond, RetryMax: 50 * time.Millisecond, Batch: 7,
	}))(t)
	router = must(consumer.New(consumer.Config{Retries: 1, MinBackoff: time.Millisecond, MaxBackoff: time.Millisecond}))(t)
	h := consumer.Handler{Name: "notes"}
	consumer.On(&h, "thing.changed", func(ctx context.Context, _ eventlog.Tx, e changed) error {
		tx, _ := postgres.ConsumerTx(ctx)
		r := consumer.Received(ctx)
		_, err := tx.ExecContext(ctx, `INSERT INTO notes (thing, version) VALUES ($1, $2)`, r.AggregateID, int64(r.Version))
		if e.Bad != "" {
			_, err = tx.ExecContext(ctx, e.Bad)
		}
		return err
	})
	if err := router.Add(h, consumer.Source{Subscriber: s, Effects: postgres.NewConsumerLog(db), Log: true}); err != nil {
		t.Fatal(err)
	}
	return router, runRouter(t, router, s)
}

// runRouter runs a router over s until the test ends or stop is called.
func runRouter(t testing.TB, router *consumer.Router, s *postgres.Subscriber) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- errors.Join(router.Run(ctx), s.Close()) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func noted(t testing.TB, db *postgres.DB, query string) int {
	t.Helper()
	var n int
	if err := db.Pool().GetContext(t.Context(), &n, query); err != nil {
		t.Fatal(err)
	}
	return n
}

const allNotes = `SELECT count(*) FROM notes`

// TestHandlersOverTheLog: two nodes compete for a handler's place in the log, statements fail within a page, sessions are
// terminated, one node stops. Each record has its effect once; what fails for good has none, and a copy in the log.
func TestHandlersOverTheLog(t *testing.T) {
	t.Parallel()
	db := forSuite(t)
	exec(t, db, `CREATE TABLE notes (thing text, version bigint)`)
	appendChanges(t, db, "a", 1, 30, `{}`)
	appendChanges(t, db, "bad", 1, 1, `{"bad":"SELECT 1/0"}`)
	appendChanges(t, db, "a", 31, 40, `{}`)
	_, stop := logNode(t, db)
	logNode(t, db)
	for v := domain.Version(1); v <= 60; v += 20 {
		appendChanges(t, db, "b", v, v+19, `{}`)
		exec(t, db, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'idle in transaction'`)
	}
	waitFor(t, "half of the effects", func() bool { return noted(t, db, allNotes) >= 50 })
	stop()
	waitFor(t, "all effects", func() bool { return noted(t, db, allNotes) >= 100 })
	if n := noted(t, db, `SELECT count(*) FROM (SELECT DISTINCT thing, version FROM notes WHERE thing <> 'bad') d`); n != 100 {
		t.Errorf("%d records had effects, want 100", n)
	}
	if n := noted(t, db, allNotes); n != 100 {
		t.Errorf("%d effects, want 100", n)
	}
	var letters []struct {
		Topic, Key, Cause string
	}
	const query = `SELECT topic, aggregate_id AS key, metadata->>'error' AS cause FROM tenon.events WHERE version IS NULL`
	if err := db.Pool().SelectContext(t.Context(), &letters, query); err != nil {
		t.Fatal(err)
	}
	if len(letters) != 1 || letters[0].Topic != "domain.thing.events.DLT" || letters[0].Key != "bad" || !strings.Contains(letters[0].Cause, "division by zero") {
		t.Errorf("dead letters %+v, want one, of the bad one, that says why", letters)
	}
}

// TestWhatAHandlerOfTheLogAppendsWakesReaders, who would look at their next poll only.
func TestWhatAHandlerOfTheLogAppendsWakesReaders(t *testing.T) {
	t.Parallel()
	db := forSuite(t)
	s := must(postgres.NewSubscriber(db, postgres.SubscriberConfig{Group: "handler.echo", Unmarshal: postgres.LogMessage}))(t)
	router := must(consumer.New(consumer.Config{}))(t)
	h, appended := consumer.Handler{Name: "echo"}, make(chan (<-chan struct{}), 1)
	consumer.On(&h, "thing.changed", func(ctx context.Context, tx eventlog.Tx, _ changed) error {
		woken := db.Signal().Wait()
		err := tx.Append(ctx, []eventlog.Record{{
			ID: uuid.Must(uuid.NewV7()), Topic: "echoes", AggregateID: "x", Type: "thing.echoed", SchemaVersion: 1, Payload: []byte("{}"),
			RecordedAt: time.Now(),
		}})
		appended <- woken
		return err
	})
	if err := router.Add(h, consumer.Source{Subscriber: s, Effects: postgres.NewConsumerLog(db), Log: true}); err != nil {
		t.Fatal(err)
	}
	runRouter(t, router, s)
	appendChanges(t, db, "a", 1, 1, `{}`)
	woken := <-appended
	select {
	case <-woken:
	case <-time.After(patience):
		t.Fatal("nobody was woken after the handler had appended")
	}
	if n := noted(t, db, `SELECT count(*) FROM tenon.events WHERE event_type = 'thing.echoed'`); n != 1 {
		t.Errorf("%d echoes when readers were woken, want 1", n)
	}
}

// TestHandlerOfTheLogThatLosesToAnother: a row that was changed since the page was read makes the page come again.
func TestHandlerOfTheLogThatLosesToAnother(t *testing.T) {
	t.Parallel()
	db := forSuite(t)
	exec(t, db, `CREATE TABLE notes (thing text, version bigint)`)
	exec(t, db, `CREATE TABLE totals (n bigint)`)
	exec(t, db, `INSERT INTO totals VALUES (0)`)
	rival := must(db.Pool().BeginTxx(t.Context(), nil))(t)
	must(rival.ExecContext(t.Context(), `UPDATE totals SET n = n + 1`))(t)
	appendChanges(t, db, "a", 1, 3, `{}`)
	appendChanges(t, db, "b", 1, 1, `{"bad":"UPDATE totals SET n = n + 1"}`)
	router, _ := logNode(t, db)
	waitFor(t, "the handler waits for the rival", func() bool {
		return noted(t, db, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) > 0
	})
	if err := rival.Commit(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "all effects", func() bool { return noted(t, db, allNotes) == 4 })
	if n := noted(t, db, `SELECT n FROM totals`); n != 2 {
		t.Errorf("total is %d, want the rival's 1 and the handler's", n)
	}
	if s := router.Stats("notes"); s.DeadLettered != 0 {
		t.Errorf("stats %+v: a message was blamed for its rival", s)
	}
}

func TestConsumerLogWantsItsTransaction(t *testing.T) {
	t.Parallel()
	m := consuming.Message(consuming.LogDelivery(&eventlog.Record{Type: "thing.changed"}))
	_, err := postgres.NewConsumerLog(open(t)).Once(t.Context(), "notes", m, nil)
	if err == nil || !strings.Contains(fmt.Sprint(err), "postgres.Subscriber") {
		t.Errorf("a message from elsewhere gave %v", err)
	}
}
