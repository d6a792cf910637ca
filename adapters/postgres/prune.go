package postgres

import (
	"context"
	"fmt"
	"time"
)

// pruneBatch bounds what one statement deletes.
const pruneBatch = 5000

const (
	pruneHandledSQL = `DELETE FROM tenon.consumer_inbox WHERE ctid = ANY (ARRAY(
		SELECT ctid FROM tenon.consumer_inbox WHERE handled_at < now() - make_interval(secs => $1) ORDER BY handled_at LIMIT $2))`
	pruneSeenSQL = `DELETE FROM tenon.inbox WHERE ctid = ANY (ARRAY(
		SELECT ctid FROM tenon.inbox WHERE seen_at < now() - make_interval(secs => $1) ORDER BY seen_at LIMIT $2))`
	// The day is compared again: the row may have been moved on meanwhile, to another place even.
	pruneAppliedSQL = `DELETE FROM tenon.applied WHERE applied_on < (now() - make_interval(secs => $1))::date AND ctid = ANY (ARRAY(
		SELECT ctid FROM tenon.applied WHERE applied_on < (now() - make_interval(secs => $1))::date LIMIT $2))`
)

// PruneSeen forgets the ids of events without a version that projections applied longer ago than keep: one that comes again after
// that has a second effect. It returns how many.
func (db *DB) PruneSeen(ctx context.Context, keep time.Duration) (int64, error) {
	return db.prune(ctx, pruneSeenSQL, keep)
}

// PruneApplied forgets how far projections were with aggregates of which they applied nothing for longer than keep, in whole
// days: an event of them that comes again after that has a second effect, and nobody can wait for them any more (package
// reading). It reads the whole table. It returns how many.
func (db *DB) PruneApplied(ctx context.Context, keep time.Duration) (int64, error) {
	return db.prune(ctx, pruneAppliedSQL, keep)
}

// prune runs a statement that deletes a batch until there is nothing left for it.
func (db *DB) prune(ctx context.Context, query string, keep time.Duration) (int64, error) {
	var all int64
	for {
		result, err := db.pool.ExecContext(ctx, query, keep.Seconds(), pruneBatch)
		if err != nil {
			return all, fmt.Errorf("prune: %w", Wrap(ctx, err))
		}
		n, err := result.RowsAffected()
		if all += n; err != nil || n < pruneBatch {
			return all, err
		}
	}
}
