package postgres

import (
	"context"
	"errors"
	"fmt"

	wsql "github.com/ThreeDotsLabs/watermill-sql/v3/pkg/sql"
)

// openCursor makes the group's cursor if it has none, and refuses one that belongs to another log or to a state that this log
// was set back from: what that cursor calls seen may never have been delivered.
func (db *DB) openCursor(ctx context.Context, group string) error {
	if err := db.checkCursor(ctx, group); err != nil {
		return fmt.Errorf("open cursor %q: %w", group, Wrap(ctx, err))
	}
	return nil
}

func (db *DB) checkCursor(ctx context.Context, group string) error {
	const create = `INSERT INTO tenon.cursors (name, log, s1) SELECT $1, id, '1:1:' FROM tenon.log_identity
		ON CONFLICT (name) DO NOTHING`
	if _, err := db.pool.ExecContext(ctx, create, group); err != nil {
		return err
	}
	var c Cursor
	var seen string
	const look = `SELECT log, coalesce(s2, s1)::text FROM tenon.cursors WHERE name = $1`
	if err := db.pool.QueryRowContext(ctx, look, group).Scan(&c.Log, &seen); err != nil {
		return err
	}
	var err error
	if c.Before, err = ParseSnapshot(seen); err != nil {
		return err
	}
	if _, err = db.openWindow(ctx, c); errors.Is(err, ErrForeignCursor) {
		return fmt.Errorf("%w; delete its row in tenon.cursors to read this log from the beginning", err)
	}
	return err
}

// logOffsets keeps a group's place in tenon.cursors.
type logOffsets struct {
	history int // batches to remember
}

var _ wsql.OffsetsAdapter = logOffsets{}

// NextOffsetQuery locks the group's cursor and returns it.
func (logOffsets) NextOffsetQuery(_, group string) wsql.Query {
	return wsql.Query{
		Query: `SELECT s1, s2, low, position FROM tenon.cursors WHERE name = $1 FOR UPDATE`,
		Args:  []any{group},
	}
}

// pruneEvery spares the history an index scan at each batch.
const pruneEvery = 256

// AckMessageQuery moves the cursor to the row, which is the last one acked, past its window if it is the window's last. It
// notes the batch for the outbox view and at times forgets the oldest ones.
func (o logOffsets) AckMessageQuery(_ string, row wsql.Row, group string) wsql.Query {
	return wsql.Query{
		Query: `WITH was AS (
			SELECT s1, position FROM tenon.cursors WHERE name = $1
		), moved AS (
			UPDATE tenon.cursors SET
				s1 = CASE WHEN $5 THEN $2::text::pg_snapshot ELSE s1 END,
				s2 = CASE WHEN $5 THEN NULL ELSE $2::text::pg_snapshot END,
				low = CASE WHEN $5 THEN 0 ELSE $3::bigint END,
				position = CASE WHEN $5 THEN 0 ELSE $4::bigint END,
				batches = batches + 1, updated_at = clock_timestamp()
			WHERE name = $1 RETURNING batches
		), pruned AS (
			DELETE FROM tenon.relay_batches b USING moved
			WHERE moved.batches % $6::bigint = 0 AND b.name = $1 AND b.number <= moved.batches - $7::bigint
		)
		INSERT INTO tenon.relay_batches (name, number, s1, s2, after_position, last_position)
		SELECT $1, moved.batches, was.s1, $2::text::pg_snapshot, was.position, $4::bigint FROM was, moved`,
		Args: []any{
			group, row.ExtraData[extraWindow], row.ExtraData[extraLow], row.Offset, row.ExtraData[extraLast],
			pruneEvery, o.history,
		},
	}
}

// ConsumedMessageQuery is none: one statement for the page is enough.
func (logOffsets) ConsumedMessageQuery(string, wsql.Row, string, []byte) wsql.Query {
	return wsql.Query{}
}

// SchemaInitializingQueries are none: the migrations make the tables.
func (logOffsets) SchemaInitializingQueries(string) []wsql.Query { return nil }

// BeforeSubscribingQueries are none: openCursor comes before, and again when it fails.
func (logOffsets) BeforeSubscribingQueries(string, string) []wsql.Query { return nil }
