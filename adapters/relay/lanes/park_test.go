package lanes_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay/lanes"
	"github.com/tenon-go/tenon/adapters/relay/relaytest"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

func TestKeyIsParkedAndRetried(t *testing.T) {
	t.Parallel()
	db, broker := open(t, database(t)), embeddedtest.Broker(t)
	limitTopic(t, broker, "10000")
	o := options{lanes: 2, change: small}
	end := run(t, must(newNode(db, broker, o))(t))
	refused := large("a", 3)
	appendEach(t, db, slices.Concat(events("a", 1, 2), []eventlog.Record{refused}, events("a", 4, 12), events("b", 1, 5))...)
	waitPublished(t, broker, "b", 5)
	waitParked(t, db, "a", parkedKey{refused.ID, 1})
	if n := published(t, broker, "a"); n != 2 {
		t.Fatalf("%d records of a are out, want the 2 before the one that is refused", n)
	}
	var held int
	if err := db.Pool().QueryRowContext(t.Context(), `SELECT count(*) FROM tenon.outbox WHERE aggregate_id = 'a' AND NOT sent`).Scan(&held); err != nil || held != 10 {
		t.Errorf("the outbox shows %d records as held back, want 10: %v", held, err)
	}

	if err := end(); err != nil {
		t.Fatal(err)
	}
	run(t, must(newNode(db, broker, o))(t))
	appendEach(t, db, slices.Concat(events("a", 13, 14), events("b", 6, 6))...)
	waitPublished(t, broker, "b", 6)
	if n := published(t, broker, "a"); n != 2 {
		t.Fatalf("%d records of a are out after a restart, want 2", n)
	}

	if outcome := answer(t, db, ask(t, db, relaying.RequestRetry, refused)); !strings.HasPrefix(outcome, "refused again") {
		t.Errorf("outcome of a retry in vain is %q", outcome)
	}
	waitParked(t, db, "a", parkedKey{refused.ID, 2})
	limitTopic(t, broker, "100000")
	id := ask(t, db, relaying.RequestRetry, refused)
	appendEach(t, db, events("a", 15, 40)...)
	if outcome := answer(t, db, id); outcome != "" {
		t.Errorf("outcome of the retry is %q", outcome)
	}
	relaytest.CheckOnce(t, db, broker)
	waitFor(t, "the board to show it", func() bool { _, ok := parkedOn(t, db, "a"); return !ok })
}

// A request that is handed out again while its outcome is stored isn't carried out again, and what was learned for it isn't
// the answer to the next.
func TestRetryIsAnsweredByItsOwnAttempt(t *testing.T) {
	t.Parallel()
	db, broker := open(t, database(t)), embeddedtest.Broker(t)
	limitTopic(t, broker, "10000")
	run(t, must(newNode(db, broker, options{change: func(cfg *lanes.Config) { cfg.Board = &slowBoard{Board: cfg.Board} }}))(t))
	refused := large("a", 1)
	appendEach(t, db, refused)
	waitParked(t, db, "a", parkedKey{refused.ID, 1})
	for attempts := 2; attempts <= 3; attempts++ {
		if outcome := answer(t, db, ask(t, db, relaying.RequestRetry, refused)); !strings.HasPrefix(outcome, "refused again") {
			t.Errorf("outcome of a retry in vain is %q", outcome)
		}
		waitParked(t, db, "a", parkedKey{refused.ID, attempts})
	}
	// The one that was handed out twice has had the time to be tried twice.
	appendEach(t, db, events("b", 1, 2)...)
	waitPublished(t, broker, "b", 2)
	limitTopic(t, broker, "100000")
	if outcome := answer(t, db, ask(t, db, relaying.RequestRetry, refused)); outcome != "" {
		t.Errorf("outcome of the retry is %q", outcome)
	}
	relaytest.CheckOnce(t, db, broker)
}

// slowBoard stores outcomes only when the requests that are open were handed out once more.
type slowBoard struct {
	relaying.Board

	looked atomic.Int64
}

func (b *slowBoard) Requests(ctx context.Context, lanes []int, of int) ([]relaying.Request, error) {
	b.looked.Add(1)
	return b.Board.Requests(ctx, lanes, of)
}

func (b *slowBoard) Done(ctx context.Context, id int64, outcome string) error {
	// The second look from now on begins when the relay has what the first one brought.
	for begun := b.looked.Load(); b.looked.Load() < begun+2 && ctx.Err() == nil; {
		time.Sleep(time.Millisecond)
	}
	return b.Board.Done(ctx, id, outcome)
}

// A message is held back with the later ones of its key.
func TestSkippedMessageIsGivenUpAlone(t *testing.T) {
	t.Parallel()
	db, broker := open(t, database(t)), embeddedtest.Broker(t)
	limitTopic(t, broker, "10000")
	run(t, must(newNode(db, broker, options{change: small}))(t))
	refused := large("m", 0)
	refused.AggregateType = ""
	records := []eventlog.Record{refused}
	for range 8 {
		r := relaytest.Event("m", 0)
		r.AggregateType = ""
		records = append(records, r)
	}
	appendEach(t, db, records...)
	waitParked(t, db, "m", parkedKey{refused.ID, 1})
	if outcome := answer(t, db, ask(t, db, relaying.RequestSkip, records[1])); outcome == "" {
		t.Error("a record that isn't the first was skipped")
	}
	one, again := ask(t, db, relaying.RequestSkip, refused), ask(t, db, relaying.RequestSkip, refused)
	if outcome := answer(t, db, one); outcome != "" {
		t.Errorf("outcome of the skip is %q", outcome)
	}
	if outcome := answer(t, db, again); outcome == "" {
		t.Error("a second skip found something to give up")
	}
	waitFor(t, "the outbox to tell which record was skipped", func() bool {
		var told []string
		err := db.Pool().SelectContext(t.Context(), &told, `SELECT concat_ws(' ', id, sent, error) FROM tenon.outbox WHERE error IS NOT NULL`)
		return err == nil && slices.Equal(told, []string{refused.ID.String() + " t skipped by a test: to see"})
	})
	waitPublished(t, broker, "m", 8)
	out := must(relaytest.Published(t.Context(), broker, relaytest.Topic))(t)
	if len(out) != 8 {
		t.Fatalf("%d records are out, want 8", len(out))
	}
	for i, r := range out {
		if id := relaytest.Header(r, relaying.HeaderEventID); id != records[i+1].ID.String() {
			t.Errorf("record %d is %s, want %s", i, id, records[i+1].ID)
		}
	}
}

// Kafka has no topics of such names; the key's records for other topics wait too.
func TestInvalidTopicParksItsKey(t *testing.T) {
	t.Parallel()
	db, broker := open(t, database(t)), embeddedtest.Broker(t)
	run(t, must(newNode(db, broker, options{}))(t))
	refused := relaytest.Event("a", 1)
	refused.Topic = "no topic!"
	appendEach(t, db, append([]eventlog.Record{refused}, append(events("a", 2, 4), events("b", 1, 3)...)...)...)
	waitPublished(t, broker, "b", 3)
	waitParked(t, db, "a", parkedKey{refused.ID, 1})
	if n := published(t, broker, "a"); n != 0 {
		t.Errorf("%d records of a are out, want none", n)
	}
	if outcome := answer(t, db, ask(t, db, relaying.RequestSkip, refused)); outcome != "" {
		t.Errorf("outcome of the skip is %q", outcome)
	}
	waitPublished(t, broker, "a", 3)
}

// Positions, transactions and commits of messages of one key may disagree in order.
func TestLateMessageBeforeTheParkedOneIsPublished(t *testing.T) {
	t.Parallel()
	db, broker := open(t, database(t)), embeddedtest.Broker(t)
	limitTopic(t, broker, "10000")
	run(t, must(newNode(db, broker, options{}))(t))
	late, refused := relaytest.Event("m", 0), large("m", 0)
	late.AggregateType, refused.AggregateType = "", ""
	tx := must(db.Begin(t.Context()))(t)
	defer tx.Rollback() //nolint:errcheck // it does nothing after Commit
	if err := tx.Append(t.Context(), []eventlog.Record{late}); err != nil {
		t.Fatal(err)
	}
	appendEach(t, db, refused)
	waitParked(t, db, "m", parkedKey{refused.ID, 1})
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	waitPublished(t, broker, "m", 1)
	limitTopic(t, broker, "100000")
	if outcome := answer(t, db, ask(t, db, relaying.RequestRetry, refused)); outcome != "" {
		t.Errorf("outcome of the retry is %q", outcome)
	}
	relaytest.CheckOnce(t, db, broker)
}

// The relay is killed again and again while it publishes what was held back, a few records at a time.
func TestFaultRelayKilledWhileItRetries(t *testing.T) {
	t.Parallel()
	dsn, broker := database(t), embeddedtest.Broker(t)
	db := open(t, dsn)
	limitTopic(t, broker, "10000")
	child := startChild(t, dsn, broker)
	refused := large("a", 1)
	if err := relaytest.Append(t.Context(), db, append([]eventlog.Record{refused}, events("a", 2, 300)...)...); err != nil {
		t.Fatal(err)
	}
	waitParked(t, db, "a", parkedKey{refused.ID, 1})
	limitTopic(t, broker, "100000")
	id := ask(t, db, relaying.RequestRetry, refused)
	for i := range rounds(3, 20) {
		waitPublished(t, broker, "a", min(1+20*i, 300))
		kill(t, child)
		child = startChild(t, dsn, broker)
	}
	// One that was killed between what it published last and its answer leaves the next one nothing to retry.
	if outcome := answer(t, db, id); outcome != "" && !strings.HasPrefix(outcome, "nothing is parked under this key any more") {
		t.Errorf("outcome of the retry is %q", outcome)
	}
	relaytest.CheckOnce(t, db, broker)
	kill(t, child)
}

// A message that commits late may be refused when later ones of its key are out already: those aren't held back.
func TestRetryOfALateMessageSendsNothingTwice(t *testing.T) {
	t.Parallel()
	db, broker := open(t, database(t)), embeddedtest.Broker(t)
	limitTopic(t, broker, "10000")
	run(t, must(newNode(db, broker, options{change: small}))(t))
	message := func(r eventlog.Record) eventlog.Record { r.AggregateType = ""; return r }
	late := message(large("m", 0))
	tx := must(db.Begin(t.Context()))(t)
	defer tx.Rollback() //nolint:errcheck // it does nothing after Commit
	if err := tx.Append(t.Context(), []eventlog.Record{late}); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		appendEach(t, db, message(relaytest.Event("m", 0)))
	}
	waitPublished(t, broker, "m", 4)
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	waitParked(t, db, "m", parkedKey{late.ID, 1})
	for range 5 {
		appendEach(t, db, message(relaytest.Event("m", 0)))
	}
	appendEach(t, db, events("b", 1, 1)...)
	waitPublished(t, broker, "b", 1)
	waitFor(t, "the board to show what is held back", func() bool {
		var unsent int
		err := db.Pool().QueryRowContext(t.Context(), `SELECT count(*) FROM tenon.outbox WHERE aggregate_id = 'm' AND NOT sent`).Scan(&unsent)
		held := must(postgres.NewRelayDesk(db).Parked(t.Context(), 10))(t)
		return err == nil && unsent == 6 && len(held) == 1 && held[0].Records == 6
	})
	limitTopic(t, broker, "100000")
	if outcome := answer(t, db, ask(t, db, relaying.RequestRetry, late)); outcome != "" {
		t.Errorf("outcome of the retry is %q", outcome)
	}
	times := make(map[string]int)
	for _, r := range must(relaytest.Published(t.Context(), broker, relaytest.Topic))(t) {
		times[relaytest.Header(r, relaying.HeaderEventID)]++
	}
	for id, n := range times {
		if n != 1 {
			t.Errorf("message %s is out %d times", id, n)
		}
	}
	if len(times) != 11 {
		t.Errorf("%d records are out, want 11", len(times))
	}
}
