package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/domain"
)

// What is old goes, in more than one statement, and what isn't stays.
func TestPruneForgetsByAge(t *testing.T) {
	t.Parallel()
	db := open(t)
	exec(t, db, `INSERT INTO tenon.consumer_inbox (handler, message_id, handled_at)
		SELECT 'h', n::text, now() - CASE WHEN n <= 12000 THEN interval '15 days' ELSE interval '13 days' END FROM generate_series(1, 12003) n`)
	exec(t, db, `INSERT INTO tenon.inbox (projection, version, event_id, seen_at)
		SELECT 'p', 1, gen_random_uuid(), now() - CASE WHEN n <= 12000 THEN interval '15 days' ELSE interval '13 days' END FROM generate_series(1, 12003) n`)
	exec(t, db, `INSERT INTO tenon.applied (projection, version, aggregate_type, aggregate_id, last_version, applied_on)
		SELECT 'p', 1, 'thing', n::text, 1, current_date - CASE WHEN n <= 12000 THEN 16 ELSE 13 END FROM generate_series(1, 12003) n`)
	for table, prune := range map[string]func(context.Context, time.Duration) (int64, error){
		"consumer_inbox": postgres.NewConsumerInbox(db).Prune, "inbox": db.PruneSeen, "applied": db.PruneApplied,
	} {
		for _, want := range []int64{12000, 0} {
			if n, err := prune(t.Context(), 14*24*time.Hour); n != want || err != nil {
				t.Errorf("%s: %d pruned, %v; want %d", table, n, err, want)
			}
		}
		if left := queryValue[int](t, db, "SELECT count(*) FROM tenon."+table); left != 3 {
			t.Errorf("%s: %d rows are left, want 3", table, left)
		}
	}
}

// A projection that goes on with an aggregate keeps it from being forgotten; a repeat of an old event doesn't.
func TestPruneGoesByWhatWasLastApplied(t *testing.T) {
	t.Parallel()
	db := open(t)
	apply := func(id string, versions ...int64) {
		tx := must(db.Begin(t.Context()))(t)
		var batch []projection.Event
		for _, v := range versions {
			batch = append(batch, projection.Event{Record: eventlog.Record{
				ID: uuid.New(), AggregateType: "thing", AggregateID: id, Version: domain.Version(v),
			}})
		}
		_ = must(db.Fresh(t.Context(), tx, "p", 1, batch))(t)
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	apply("moves", 1)
	apply("rests", 1)
	exec(t, db, "UPDATE tenon.applied SET applied_on = current_date - 30")
	apply("moves", 2)
	apply("rests", 1)
	if n, err := db.PruneApplied(t.Context(), 24*time.Hour); n != 1 || err != nil {
		t.Errorf("%d pruned, %v; want 1", n, err)
	}
	if id := queryValue[string](t, db, "SELECT aggregate_id FROM tenon.applied"); id != "moves" {
		t.Errorf("%s is left, want moves", id)
	}
}
