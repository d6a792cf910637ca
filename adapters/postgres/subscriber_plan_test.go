package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
)

// A page must cost what it returns, in the middle of a large window, behind a transaction that stays open, and when that
// one leaves its rows. A plan that sorts or filters the window touches all of the log's blocks.
func TestSubscriberPageTouchesFewBlocks(t *testing.T) {
	t.Parallel()
	const rows, most = 20_000, 150 // the log has over 500 blocks, its index over 100
	ctx := t.Context()
	db, err := Open(ctx, Config{URL: embeddedtest.Database(t)})
	if err == nil {
		t.Cleanup(func() { _ = db.Close() })
		err = Migrate(ctx, db, KernelSchema())
	}
	if err != nil {
		t.Fatal(err)
	}
	exec := func(query string, args ...any) {
		t.Helper()
		if _, err := db.pool.ExecContext(ctx, query, args...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	const insert = `INSERT INTO tenon.events (recorded_at, version, event_id, schema_version, bucket, topic, aggregate_type,
			aggregate_id, event_type, payload)
		SELECT now(), n, gen_random_uuid(), 1, 0, 't', 'thing', $1, 'thing.happened', '{}' FROM generate_series(1, $2::int) n`
	late := db.pool.MustBegin()
	defer late.Rollback() //nolint:errcheck // it does nothing after Commit
	late.MustExec(insert, "late", 50)
	for _, aggregate := range []string{"a", "b", "c", "d"} {
		exec(insert, aggregate, rows/4)
	}
	exec(`VACUUM ANALYZE tenon.events`)
	exec(`INSERT INTO tenon.cursors (name, log, s1, s2, low, position)
		SELECT 'g', id, '1:1:', pg_current_snapshot(), 0, $1 FROM tenon.log_identity`, rows/2)
	for range 8 { // from the sixth execution on a generic plan may be used
		expectBlocks(t, db, "in the middle of a window", 100, most)
	}
	exec(`UPDATE tenon.cursors SET s1 = s2, s2 = NULL, position = 0`)
	for _, aggregate := range []string{"e", "f", "g"} {
		exec(insert, aggregate, 10)
	}
	expectBlocks(t, db, "in the tail behind an open transaction", 30, most)
	if err := late.Commit(); err != nil {
		t.Fatal(err)
	}
	expectBlocks(t, db, "when the late transaction has ended", 80, most)
}

func expectBlocks(t *testing.T, db *DB, where string, rows, most int) {
	t.Helper()
	got, blocks, err := explainPage(t.Context(), db, 100)
	if err != nil {
		t.Fatal(err)
	}
	if got != rows || blocks > most {
		t.Errorf("%s: a page of %d rows touched %d blocks, want %d rows and %d blocks at most", where, got, blocks, rows, most)
	}
}

// explainPage runs SelectQuery as the subscriber does and returns how many rows and blocks that took.
func explainPage(ctx context.Context, db *DB, batch int) (rows, blocks int, err error) {
	tx, err := db.pool.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead})
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	q := logSchema{batch: batch}.SelectQuery("", "g", logOffsets{})
	var text string
	if err := tx.QueryRowContext(ctx, `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) `+q.Query, q.Args...).Scan(&text); err != nil {
		return 0, 0, err
	}
	var plans []struct {
		Plan struct {
			Rows int `json:"Actual Rows"`
			Hit  int `json:"Shared Hit Blocks"`
			Read int `json:"Shared Read Blocks"`
		} `json:"Plan"`
	}
	if err := json.Unmarshal([]byte(text), &plans); err != nil {
		return 0, 0, err
	}
	return plans[0].Plan.Rows, plans[0].Plan.Hit + plans[0].Plan.Read, nil
}
