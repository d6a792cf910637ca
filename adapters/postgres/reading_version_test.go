package postgres_test

import (
	"errors"
	"testing"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/reading"
)

// Whoever reads what they wrote waits for the version that readers see, with its types, whichever versions the program has.
func TestReadersWaitForTheVersionThatTheySee(t *testing.T) {
	t.Parallel()
	db := open(t)
	exec(t, db, `INSERT INTO tenon.events (recorded_at, version, event_id, schema_version, bucket, topic, aggregate_type, aggregate_id, event_type, payload)
		VALUES (now(), 1, gen_random_uuid(), 1, 0, 'orders', 'order', 'a', 'order.made', '{}'), (now(), 2, gen_random_uuid(), 1, 0, 'orders', 'order', 'a', 'order.seen', '{}')`)
	exec(t, db, `INSERT INTO tenon.projection_versions (projection, version, state, source) VALUES ('list', 1, 'serving', 'log'), ('list', 2, 'building', 'log')`)
	exec(t, db, `INSERT INTO tenon.applied VALUES ('list', 1, 'order', 'a', 1)`)
	first := projection.Projection{Name: "list", Version: 1, Topics: []string{"orders"}, Types: []string{"order.made"}}
	second := first
	second.Version, second.Types = 2, []string{"order.made", "order.seen"}
	older, both := reading.NewModels(db), reading.NewModels(db)
	older.Add(first)
	both.Add(first)
	both.Add(second)
	token := reading.NewToken(eventlog.Head{Type: "order", ID: "a", Version: 2})
	want := func(m *reading.Models, want error) {
		t.Helper()
		if _, err := m.Await(t.Context(), "list", token, 0); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	want(older, nil)
	want(both, nil) // the first doesn't handle the second event

	exec(t, db, `UPDATE tenon.projection_versions SET state = CASE version WHEN 1 THEN 'kept' ELSE 'building' END`)
	exec(t, db, `UPDATE tenon.projection_versions SET state = 'serving' WHERE version = 2`)
	want(older, reading.ErrBehind)
	want(both, reading.ErrBehind)

	exec(t, db, `INSERT INTO tenon.applied VALUES ('list', 2, 'order', 'a', 1)`)
	want(older, nil) // by the types that it knows
	want(both, reading.ErrBehind)

	exec(t, db, `UPDATE tenon.applied SET last_version = 2 WHERE projection = 'list' AND version = 2`)
	want(both, nil)

	exec(t, db, `DELETE FROM tenon.applied WHERE projection = 'list' AND version = 2`)
	exec(t, db, `INSERT INTO tenon.parked_sequences (projection, version, topic, partition, aggregate_type, aggregate_id, parked_at)
		VALUES ('list', 2, 'orders', 0, 'order', 'a', now())`)
	if parked, err := both.Await(t.Context(), "list", token, 0); err != nil || !parked {
		t.Errorf("parked %t, %v, want what the version in force has parked", parked, err)
	}
}
