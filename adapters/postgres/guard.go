package postgres

import (
	"context"
	"errors"
	"slices"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

const (
	guardSQL = `SELECT pg_advisory_xact_lock($1, b) FROM unnest($2::integer[]) AS b`

	headsSQL = `
SELECT coalesce((SELECT max(e.version) FROM tenon.events AS e
    WHERE e.tenant = '' AND e.aggregate_type = h.type AND e.aggregate_id = h.id), 0)
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS h(type, id, place) ORDER BY h.place`
)

// errFixed says where a guard can't be kept.
var errFixed = errors.New("guard aggregates: not in a transaction that reads the log, which doesn't see what others commit meanwhile")

// Guard makes the commit depend on aggregates that were only read. It locks their buckets, so that nobody who appends
// to them is under way or can begin, and compares afterwards, in a statement that sees what those committed for whom it
// waited. Two units that guard what the other one appends to wait for each other: one of them gets
// eventlog.ErrTransient.
func (t *Tx) Guard(ctx context.Context, heads []eventlog.Head) error {
	if len(heads) == 0 {
		return nil
	}
	if t.fixed {
		return errFixed
	}
	buckets := make([]int32, len(heads))
	for i, h := range heads {
		buckets[i] = int32(eventlog.Bucket(h.ID))
	}
	slices.Sort(buckets)
	if _, err := t.tx.ExecContext(ctx, guardSQL, int32(lockClass), pq.Int32Array(slices.Compact(buckets))); err != nil {
		return Wrap(ctx, err)
	}
	actual, err := readHeads(ctx, t.tx, heads)
	if err != nil {
		return Wrap(ctx, err)
	}
	for i, h := range heads {
		if actual[i] != h.Version {
			return &domain.ConflictError{Type: h.Type, ID: h.ID, Expected: h.Version, Actual: actual[i]}
		}
	}
	return nil
}

// readHeads returns the versions that the log holds, in the order of heads.
func readHeads(ctx context.Context, q Querier, heads []eventlog.Head) ([]domain.Version, error) {
	types, ids := make([]string, len(heads)), make([]string, len(heads))
	for i, h := range heads {
		types[i], ids[i] = h.Type, h.ID
	}
	actual := make([]domain.Version, 0, len(heads))
	err := sqlx.SelectContext(ctx, q, &actual, headsSQL, pq.StringArray(types), pq.StringArray(ids))
	return actual, err
}
