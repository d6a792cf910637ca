package rebuild_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/postgres/rebuild"
	"github.com/tenon-go/tenon/application/projection"
)

// TestWhoStillReadsKafkaMovesNothing is a node that hasn't noticed yet that the version reads the log now.
func TestWhoStillReadsKafkaMovesNothing(t *testing.T) {
	t.Parallel()
	db := open(t, databaseURL(t))
	v := rebuild.NewVersions(db)
	_, err := v.Enter(t.Context(), rebuild.Entry{Projection: things(1), Source: rebuild.Kafka})
	check(t, err)
	f, err := rebuild.NewFeed(config(db, things(1)))
	check(t, err)
	read, unread := projection.Partition{Topic: topic, ID: uuid.New()}, projection.Partition{Topic: topic, ID: uuid.New(), Number: 1}
	advance := func(p projection.Partition, from, to int64) error {
		tx, err := db.Begin(t.Context())
		check(t, err)
		defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
		if err := f.Advance(t.Context(), tx, name, 1, p, from, to); err != nil {
			return err
		}
		return tx.Commit(t.Context())
	}
	check(t, add(db, "thing-0", 1, 1, ""))
	check(t, advance(read, projection.None, 7))
	check(t, v.ToLog(t.Context(), name, 1, 2))
	if err := advance(read, 7, 8); !errors.Is(err, projection.ErrMoved) {
		t.Errorf("advance of a partition that was read: %v, want ErrMoved", err)
	}
	if err := advance(unread, projection.None, 8); !errors.Is(err, projection.ErrMoved) {
		t.Errorf("advance of a partition that wasn't: %v, want ErrMoved", err)
	}
	if _, err := f.Next(t.Context(), name, 1, read); !errors.Is(err, projection.ErrElsewhere) {
		t.Errorf("next: %v, want ErrElsewhere", err)
	}
	if n := value[int](t, db, `SELECT count(*) FROM tenon.checkpoints`); n != 0 {
		t.Errorf("%d checkpoints", n)
	}
}

func TestTopicsOfOtherLogsAreNotReadFromThisOne(t *testing.T) {
	t.Parallel()
	db := open(t, databaseURL(t))
	v := rebuild.NewVersions(db)
	_, err := v.Enter(t.Context(), rebuild.Entry{Projection: things(1), Source: rebuild.Kafka})
	check(t, err)
	execute(t, db, `INSERT INTO tenon.checkpoints (projection, version, topic, partition, topic_id, next_offset)
		VALUES ('things', 1, 'domain.thing.events', 0, gen_random_uuid(), 7)`)
	_, err = v.Enter(t.Context(), rebuild.Entry{Projection: things(2), Source: rebuild.Kafka, Begin: true})
	for _, err := range []error{err, v.ToLog(t.Context(), name, 1, 1)} {
		if err == nil || !strings.Contains(err.Error(), topic+", which isn't published from this log") {
			t.Errorf("it is %v", err)
		}
	}
	wantState(t, db, 1, rebuild.Serving, rebuild.Kafka)
}
