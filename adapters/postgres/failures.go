package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/tenon-go/tenon/application/relaying"
)

// maxFailure bounds the error's text in characters.
const maxFailure = 2000

// Failures keeps what a relay can't publish in tenon.relay_failures, where the view tenon.outbox finds it. Safe for
// concurrent use.
type Failures struct{ db *DB }

var _ relaying.Failures = (*Failures)(nil)

// NewFailures returns the notes of db.
func NewFailures(db *DB) *Failures { return &Failures{db: db} }

// Failed notes attempt n at the record at position, or removes the note when n is 0. A first attempt also sweeps notes that
// nobody has renewed for an hour: their relay ended before it could remove them.
func (f *Failures) Failed(ctx context.Context, position int64, n int, cause error) error {
	if err := f.failed(ctx, position, n, cause); err != nil {
		return fmt.Errorf("note attempt %d at position %d: %w", n, position, Wrap(ctx, err))
	}
	return nil
}

func (f *Failures) failed(ctx context.Context, position int64, n int, cause error) error {
	if n == 0 {
		_, err := f.db.pool.ExecContext(ctx, `DELETE FROM tenon.relay_failures WHERE position = $1`, position)
		return err
	}
	if n == 1 {
		const sweep = `DELETE FROM tenon.relay_failures WHERE updated_at < clock_timestamp() - interval '1 hour'`
		if _, err := f.db.pool.ExecContext(ctx, sweep); err != nil {
			return err
		}
	}
	_, err := f.db.pool.ExecContext(ctx, `INSERT INTO tenon.relay_failures (position, attempts, error) VALUES ($1, $2, $3)
		ON CONFLICT (position) DO UPDATE
		SET attempts = excluded.attempts, error = excluded.error, updated_at = clock_timestamp()`,
		position, n, storable(cause))
	return err
}

// storable is err's text as the database takes it: valid, without NUL, not endless.
func storable(err error) string {
	if err == nil {
		return "no reason given"
	}
	text := []rune(strings.ReplaceAll(strings.ToValidUTF8(err.Error(), "?"), "\x00", ""))
	return string(text[:min(len(text), maxFailure)])
}
