package lanes_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay/lanes"
	"github.com/tenon-go/tenon/adapters/relay/relaytest"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// largeBytes is more than the topic takes at first, see [limitTopic].
const largeBytes = 20_000

// limitTopic makes the topic with a limit, or sets the limit of one that is there.
func limitTopic(t testing.TB, broker, bytes string) {
	t.Helper()
	client := must(kgo.NewClient(kgo.SeedBrokers(broker)))(t)
	defer client.Close()
	admin := kadm.NewClient(client)
	ctx, cancel := context.WithTimeout(t.Context(), relaytest.Patience)
	defer cancel()
	if topics := must(admin.ListTopics(ctx, relaytest.Topic))(t); !topics.Has(relaytest.Topic) {
		if _, err := admin.CreateTopic(ctx, 3, 1, map[string]*string{"max.message.bytes": &bytes}, relaytest.Topic); err != nil {
			t.Fatal(err)
		}
		return
	}
	set := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "max.message.bytes", Value: &bytes}}
	for _, r := range must(admin.AlterTopicConfigs(ctx, set, relaytest.Topic))(t) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}

// large returns an event that the topic doesn't take.
func large(id string, version int) eventlog.Record {
	r := relaytest.Event(id, version)
	r.Payload = make([]byte, 0, largeBytes+2)
	r.Payload = append(r.Payload, '"')
	for range largeBytes {
		r.Payload = append(r.Payload, 'x')
	}
	r.Payload = append(r.Payload, '"')
	return r
}

func appendEach(t testing.TB, db *postgres.DB, records ...eventlog.Record) {
	t.Helper()
	for _, r := range records {
		if err := relaytest.Append(t.Context(), db, r); err != nil {
			t.Fatal(err)
		}
	}
}

// events returns events of an aggregate from a version to another.
func events(id string, from, to int) []eventlog.Record {
	var all []eventlog.Record
	for v := from; v <= to; v++ {
		all = append(all, relaytest.Event(id, v))
	}
	return all
}

// published returns how many records of a key are on the topic.
func published(t testing.TB, broker, key string) int {
	t.Helper()
	n := 0
	for _, r := range must(relaytest.Published(t.Context(), broker, relaytest.Topic))(t) {
		if string(r.Key) == key {
			n++
		}
	}
	return n
}

func waitPublished(t testing.TB, broker, key string, want int) {
	t.Helper()
	relaytest.Until(t, "records of "+key, func() (int, bool) { n := published(t, broker, key); return n, n >= want })
}

// parkedKey is a row of tenon.relay_parked.
type parkedKey struct {
	event    uuid.UUID
	attempts int
}

func parkedOn(t testing.TB, db *postgres.DB, key string) (p parkedKey, ok bool) {
	t.Helper()
	err := db.Pool().QueryRowContext(t.Context(), `SELECT event, attempts FROM tenon.relay_parked WHERE aggregate_id = $1`, key).Scan(&p.event, &p.attempts)
	return p, err == nil
}

// waitParked waits until the key is parked at the record, refused so many times.
func waitParked(t testing.TB, db *postgres.DB, key string, want parkedKey) {
	t.Helper()
	waitFor(t, key+" to be parked", func() bool { p, ok := parkedOn(t, db, key); return ok && p == want })
}

// ask leaves a request and returns its number.
func ask(t testing.TB, db *postgres.DB, kind relaying.RequestKind, of eventlog.Record) (id int64) {
	t.Helper()
	err := db.Pool().QueryRowContext(t.Context(), `INSERT INTO tenon.relay_requests
		(kind, aggregate_type, aggregate_id, bucket, event, asked_by, reason) VALUES ($1, $2, $3, $4, $5, 'a test', 'to see') RETURNING id`,
		string(kind), of.AggregateType, of.AggregateID, eventlog.Bucket(of.AggregateID), of.ID).Scan(&id)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// answer waits until a request is closed and returns its outcome.
func answer(t testing.TB, db *postgres.DB, id int64) (outcome string) {
	t.Helper()
	waitFor(t, "a request to be carried out", func() bool {
		var done sql.NullTime
		err := db.Pool().QueryRowContext(t.Context(), `SELECT done_at, outcome FROM tenon.relay_requests WHERE id = $1`, id).Scan(&done, &outcome)
		return err == nil && done.Valid
	})
	return outcome
}

// small lets a page and a release have few records.
func small(cfg *lanes.Config) { cfg.BatchRecords = 3 }
