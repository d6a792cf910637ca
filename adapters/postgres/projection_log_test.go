package postgres_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/relaying"
	"github.com/tenon-go/tenon/domain"
)

// appendStep appends one event of a thing on a topic.
func appendStep(t testing.TB, db *postgres.DB, topic, id string, v domain.Version, payload string) {
	t.Helper()
	tx := must(db.Begin(t.Context()))(t)
	err := tx.Append(t.Context(), []eventlog.Record{{
		ID: uuid.Must(uuid.NewV7()), Topic: topic, AggregateType: "thing", AggregateID: id, Version: v, Type: "thing.changed",
		SchemaVersion: 1, Payload: []byte(payload), RecordedAt: time.Now(), Actor: "somebody", Metadata: map[string]string{"a": "b"},
	}})
	if err == nil {
		err = tx.Commit(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestProjectionLogSharedByTwoNodes(t *testing.T) {
	t.Parallel()
	db := openForSteps(t)
	const things, versions = 12, 15
	logRunner(t, db, steps(thingTopic), nil)
	logRunner(t, db, steps(thingTopic), nil)
	var writers sync.WaitGroup
	for n := range things {
		writers.Go(func() { appendChanges(t, db, fmt.Sprintf("thing-%d", n), 1, versions, "{}") })
	}
	writers.Wait()
	wantSteps(t, db, things, versions)
}

func TestProjectionLogGoesOnInTheMiddleOfAPage(t *testing.T) {
	t.Parallel()
	db := openForSteps(t)
	const things, versions = 5, 10
	for n := range things {
		appendChanges(t, db, fmt.Sprintf("thing-%d", n), 1, versions, "{}")
	}
	// The batch of the first lane's page stops in its middle, as it does when a part of it was committed and the node died.
	p := steps(thingTopic)
	feed := must(postgres.NewProjectionLog(db, postgres.ProjectionLogConfig{Projection: p, Batch: 1000}))(t)
	runner := must(projection.NewRunner(projection.RunnerConfig{
		Projection: p, Store: db, Checkpoints: feed, Codec: thingCodec(), Parking: postgres.NewDeadLetters(db),
	}))(t)
	if err := feed.Run(t.Context(), cutShort{runner}); err == nil {
		t.Fatal("the handler's error ended nothing")
	}
	if n := queryValue[int](t, db, `SELECT count(*) FROM steps`); n != 17 {
		t.Fatalf("%d events are applied, want 17", n)
	}
	logRunner(t, db, p, nil)
	wantSteps(t, db, things, versions)
	if p := queryValue[int](t, db, `SELECT count(*) FROM tenon.parked_events`); p != 0 {
		t.Errorf("%d events are parked", p)
	}
}

func TestProjectionLogNodeThatWasPausedAppliesNothing(t *testing.T) {
	t.Parallel()
	db := openForSteps(t)
	appendChanges(t, db, "thing-0", 1, 3, "{}")
	p := steps(thingTopic)
	feed := must(postgres.NewProjectionLog(db, postgres.ProjectionLogConfig{Projection: p, Lease: 50 * time.Millisecond}))(t)
	h := &paused{came: make(chan struct{}), goOn: make(chan struct{}), result: make(chan error, 1)}
	h.Runner = must(projection.NewRunner(projection.RunnerConfig{
		Projection: p, Store: db, Checkpoints: feed, Codec: thingCodec(), Parking: postgres.NewDeadLetters(db),
	}))(t)
	runFeed(t, feed, h)
	<-h.came
	logRunner(t, db, p, func(c *postgres.ProjectionLogConfig) { c.Lease = 50 * time.Millisecond })
	wantSteps(t, db, 1, 3)
	close(h.goOn)
	if err := <-h.result; !errors.Is(err, projection.ErrMoved) {
		t.Errorf("the batch of the node that was paused: %v, want ErrMoved", err)
	}
	appendChanges(t, db, "thing-0", 4, 4, "{}")
	wantSteps(t, db, 1, 4)
}

func TestProjectionLogFiltersTopicsAndHidesWhatKafkaDoesntCarry(t *testing.T) {
	t.Parallel()
	db := openForSteps(t)
	h := &collecting{batches: make(chan []projection.Delivery, 10)}
	feed := must(postgres.NewProjectionLog(db, postgres.ProjectionLogConfig{
		Projection: steps("things.a", "things.b"), PollInterval: 20 * time.Millisecond,
	}))(t)
	runFeed(t, feed, h)
	appendStep(t, db, "things.a", "x", 1, "{}")
	appendStep(t, db, "things.other", "x", 2, "{}")
	appendStep(t, db, "things.b", "x", 3, `{"bad":"no"}`)
	var got []eventlog.Record
	for len(got) < 2 {
		for _, d := range <-h.batches {
			if d.Record.Position == 0 || d.Record.ID == (uuid.UUID{}) || d.Partition.Topic != projection.LogTopic || d.Key != nil || d.Headers != nil {
				t.Errorf("delivery %+v", d)
			}
			d.Record.Position, d.Record.ID = 0, uuid.UUID{}
			got = append(got, d.Record)
		}
	}
	want := []eventlog.Record{
		{Topic: "things.a", AggregateType: "thing", AggregateID: "x", Version: 1, Type: "thing.changed", SchemaVersion: 1, Payload: []byte("{}")},
		{Topic: "things.b", AggregateType: "thing", AggregateID: "x", Version: 3, Type: "thing.changed", SchemaVersion: 1, Payload: []byte(`{"bad":"no"}`)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestProjectionLogHandsOverMoreAtOnceWhileThereIsMore(t *testing.T) {
	t.Parallel()
	db, largest := openForSteps(t), 0
	h := &collecting{batches: make(chan []projection.Delivery, 100)}
	runFeed(t, must(postgres.NewProjectionLog(db, postgres.ProjectionLogConfig{Projection: steps(thingTopic), Batch: 1500}))(t), h)
	for v := domain.Version(0); largest < 1500; { // a batch that took long is no reason for more
		events := make([]eventlog.Record, 3000)
		for i := range events {
			v++
			events[i] = eventlog.Record{
				ID: uuid.Must(uuid.NewV7()), Topic: thingTopic, AggregateType: "thing", AggregateID: "x", Version: v, Type: "thing.changed",
				SchemaVersion: 1, Payload: []byte("{}"), RecordedAt: time.Now(),
			}
		}
		tx := must(db.Begin(t.Context()))(t)
		if err := tx.Append(t.Context(), events); err != nil {
			t.Fatal(err)
		}
		commit(t, tx)
		for left := len(events); left > 0; {
			n := len(<-h.batches)
			left, largest = left-n, max(largest, n)
		}
	}
	if largest != 1500 {
		t.Errorf("the largest batch has %d events, want 1500 at most", largest)
	}
}

func TestProjectionLogStoresItsPlaceBehindForeignEvents(t *testing.T) {
	t.Parallel()
	db := openForSteps(t)
	logRunner(t, db, steps(thingTopic), func(c *postgres.ProjectionLogConfig) { c.Lanes = 1 })
	appendStep(t, db, "elsewhere", "x", 1, "{}")
	waitFor(t, "the place behind the event", func() bool {
		c, err := postgres.ParseCursor(eventlog.Cursor(queryValue[string](t, db, `SELECT coalesce(max(cursor), '') FROM tenon.projection_lanes`)))
		return err == nil && !c.IsOpen() && !c.Before.IsZero()
	})
}

func TestProjectionLogParksAnAggregateOverAllItsTopics(t *testing.T) {
	t.Parallel()
	db := openForSteps(t)
	p := steps("things.a", "things.b")
	logRunner(t, db, p, nil)
	appendStep(t, db, "things.a", "thing-0", 1, "{}")
	appendStep(t, db, "things.b", "thing-0", 2, `{"bad":"can't"}`)
	appendStep(t, db, "things.a", "thing-0", 3, "{}")
	appendStep(t, db, "things.a", "thing-1", 1, "{}")
	letters := postgres.NewDeadLetters(db)
	waitFor(t, "two parked events", func() bool {
		return len(must(letters.Events(t.Context(), deadletter.Filter{}, 0, 10))(t)) == 2
	})
	wantSteps(t, db, 0, 0)
	parked := must(letters.Events(t.Context(), deadletter.Filter{}, 0, 10))(t)
	if parked[0].Reason != deadletter.Refused || parked[1].Reason != deadletter.Behind || parked[0].Key != parked[1].Key {
		t.Errorf("parked: %+v", parked)
	}
	for i, want := range []string{"things.b", "things.a"} {
		topic, event := relaying.Last(parked[i].Headers, projection.HeaderLogTopic), relaying.Last(parked[i].Headers, relaying.HeaderEventID)
		if string(parked[i].RecordKey) != "thing-0" || topic != want || event != parked[i].EventID.String() {
			t.Errorf("parked as key %q, topic %q, event %q; want thing-0, %s, %s", parked[i].RecordKey, topic, event, want, parked[i].EventID)
		}
	}
	waitFor(t, "copies on the topics' own dead-letter topics", func() bool {
		return queryValue[string](t, db, `SELECT coalesce(string_agg(topic, ' ' ORDER BY position), '') FROM tenon.events
			WHERE topic LIKE '%.DLT'`) == "things.b.DLT things.a.DLT"
	})
	by := deadletter.Decision{By: "test", Why: "test"}
	if err := letters.Edit(t.Context(), parked[0].ID, []byte("{}"), by); err != nil {
		t.Fatal(err)
	}
	r := must(projection.NewReplayer(projection.ReplayerConfig{
		Projection: p, Store: db, Checkpoints: db, Parked: letters, Codec: thingCodec(),
	}))(t)
	if done := must(r.Replay(t.Context(), parked[0].Key, by))(t); done.Applied != 2 || done.Stuck != nil {
		t.Errorf("replay: %+v", done)
	}
	appendStep(t, db, "things.b", "thing-0", 4, "{}")
	wantSteps(t, db, 1, 4)
	if got := queryValue[string](t, db, `SELECT string_agg(topic, ' ' ORDER BY n) FROM steps WHERE thing = 'thing-0'`); got !=
		"things.a things.b things.a things.b" {
		t.Errorf("topics of the events as applied: %s", got)
	}
}
