package postgres_test

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	watermsg "github.com/ThreeDotsLabs/watermill/message"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
)

// execer is a pool or a transaction.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// writeEvents inserts n events of one aggregate, with versions from first, in one statement.
func writeEvents(ctx context.Context, to execer, aggregate string, first, n int) error {
	_, err := to.ExecContext(ctx, `INSERT INTO tenon.events (recorded_at, version, event_id, schema_version, bucket, topic,
			aggregate_type, aggregate_id, event_type, payload)
		SELECT now(), v, gen_random_uuid(), 1, $2::int, 'domain.thing.events', 'thing', $1, 'thing.happened', '{}'
		FROM generate_series($3::int, $4::int) v ORDER BY v`,
		aggregate, eventlog.Bucket(aggregate), first, first+n-1)
	return err
}

func mustWrite(t testing.TB, to execer, aggregate string, first, n int) {
	t.Helper()
	if err := writeEvents(t.Context(), to, aggregate, first, n); err != nil {
		t.Fatal(err)
	}
}

// beginSQL opens a transaction that is rolled back at the test's end, unless the test ends it.
func beginSQL(t testing.TB, db *postgres.DB) *sql.Tx {
	t.Helper()
	tx := must(db.Pool().DB.BeginTx(context.WithoutCancel(t.Context()), nil))(t)
	t.Cleanup(func() { _ = tx.Rollback() })
	return tx
}

// plain is an Unmarshal for tests that look at aggregate and version only.
func plain(r eventlog.Record) (*watermsg.Message, error) {
	m := watermsg.NewMessage(r.ID.String(), r.Payload)
	m.Metadata["event"] = fmt.Sprintf("%s/%d", r.AggregateID, r.Version)
	m.Metadata["position"] = strconv.FormatInt(r.Position, 10)
	return m, nil
}

// subscribed is a subscription of a test.
type subscribed struct {
	t        testing.TB
	stop     context.CancelFunc
	messages <-chan *watermsg.Message
	from     *postgres.Subscriber
}

func subscribe(t testing.TB, db *postgres.DB, cfg postgres.SubscriberConfig) *subscribed {
	t.Helper()
	if cfg.Group == "" {
		cfg.Group = "readers"
	}
	if cfg.Unmarshal == nil {
		cfg.Unmarshal = plain
	}
	s := must(postgres.NewSubscriber(db, cfg))(t)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	sub := &subscribed{t: t, stop: stop, messages: must(s.Subscribe(ctx, ""))(t), from: s}
	t.Cleanup(sub.end)
	return sub
}

// end stops the subscription and waits for it. It works twice.
func (s *subscribed) end() {
	s.stop()
	_ = s.from.Close()
}

// next returns the next message, or fails the test when none comes.
func (s *subscribed) next() *watermsg.Message {
	s.t.Helper()
	select {
	case m, ok := <-s.messages:
		if !ok {
			s.t.Fatal("the subscription ended")
		}
		return m
	case <-time.After(patience):
		s.t.Fatal("waited too long for a message")
	}
	return nil
}

// ack receives n messages, acks them and returns their events.
func (s *subscribed) ack(n int) []string {
	s.t.Helper()
	var got []string
	for range n {
		m := s.next()
		got = append(got, m.Metadata["event"])
		m.Ack()
	}
	return got
}

// eventsOf names n events of an aggregate.
func eventsOf(aggregate string, first, n int) []string {
	var names []string
	for v := first; v < first+n; v++ {
		names = append(names, fmt.Sprintf("%s/%d", aggregate, v))
	}
	return names
}

// tally counts deliveries by event. Safe for concurrent use.
type tally struct {
	mu    sync.Mutex
	times map[string]int
	order []string // first deliveries
}

func (c *tally) add(event string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.times == nil {
		c.times = make(map[string]int)
	}
	if c.times[event]++; c.times[event] == 1 {
		c.order = append(c.order, event)
	}
}

func (c *tally) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.times)
}

// drain acks whatever comes until the subscription ends, and counts it.
func (s *subscribed) drain(into *tally) {
	for m := range s.messages {
		into.add(m.Metadata["event"])
		m.Ack()
	}
}
