package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// ErrDuplicateEvent says that an event with the same id is in the log already. Ids are made once and are unique, so
// that this is a mistake in the program, or a unit that was stored before.
var ErrDuplicateEvent = errors.New("event id is in the log already")

// lockClass is the first key of the advisory locks that stand for buckets of aggregates; the second is the bucket.
const lockClass = 0x54454e4f // "TENO"

const appendColumns = `event_id, topic, aggregate_type, aggregate_id, version, bucket, event_type, schema_version,
    payload, metadata, correlation_id, causation_id, traceparent, actor, recorded_at`

// The locks are shared among those who append, and keep away who guards. Rows come out of the sort one by one and get
// their positions then: in the order given.
const appendSQL = `
WITH locked AS MATERIALIZED (
    SELECT pg_advisory_xact_lock_shared($1, b) FROM unnest($2::integer[]) AS b
)
INSERT INTO tenon.events (` + appendColumns + `)
SELECT r.event_id, r.topic, r.aggregate_type, r.aggregate_id, nullif(r.version, 0), r.bucket, r.event_type, r.schema_version,
    r.payload::json, r.metadata::jsonb, r.correlation_id, r.causation_id, r.traceparent, r.actor, r.recorded_at
FROM (SELECT count(*) FROM locked) AS l,
    unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::smallint[], $9::text[], $10::integer[],
        $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::timestamptz[]) WITH ORDINALITY
    AS r(` + appendColumns + `, place)
ORDER BY r.place`

// appendOneSQL does the same for a single record, the usual case, at less than half the server's time.
const appendOneSQL = `
INSERT INTO tenon.events (` + appendColumns + `)
SELECT $3::uuid, $4, $5, $6, nullif($7::bigint, 0), $8::smallint, $9, $10::integer, $11::json, $12::jsonb, $13, $14, $15, $16, $17::timestamptz
WHERE $2::integer IS NULL OR pg_advisory_xact_lock_shared($1::integer, $2::integer) IS NOT NULL`

const timestampForm = "2006-01-02 15:04:05.000000Z07:00"

// Append writes the records in one round trip. A version that is taken gives *domain.ConflictError, an event id that is
// there [ErrDuplicateEvent]; after both the transaction is rolled back. A record that can't be stored (a text that is
// too long or holds a NUL, a payload that isn't JSON) is refused before anything is sent, by an error that names it.
func (t *Tx) Append(ctx context.Context, records []eventlog.Record) error {
	if len(records) == 0 {
		return nil
	}
	query, args, err := appending(records, appendSQL, appendOneSQL)
	if err != nil {
		return err
	}
	if _, err := t.tx.ExecContext(ctx, query, args...); err != nil {
		return t.explainAppend(ctx, records, err)
	}
	t.raise = true
	t.proof = proof{xid: t.xid(), event: records[0].ID}
	return nil
}

// appending returns the statement that appends the records, the one for a single record if that is all, and its parameters.
func appending(records []eventlog.Record, many, one string) (string, []any, error) {
	b, err := newBatch(records)
	if err != nil {
		return "", nil, err
	}
	if len(records) == 1 {
		return one, b.onlyArgs(), nil
	}
	return many, append([]any{int32(lockClass), pq.Int32Array(b.locks)}, b.columns()...), nil
}

// explainAppend finds out whom a record collided with.
func (t *Tx) explainAppend(ctx context.Context, records []eventlog.Record, err error) error {
	collision := pq.As(err, pqerror.UniqueViolation)
	if collision == nil {
		return Wrap(ctx, err)
	}
	// The transaction is lost anyway. Giving its connection back first, a small pool has one for the question.
	if rollbackErr := t.Rollback(); rollbackErr != nil {
		return Wrap(ctx, errors.Join(err, rollbackErr))
	}
	if collision.Constraint == "events_event_id_key" {
		return fmt.Errorf("%w: %w", ErrDuplicateEvent, err)
	}
	heads := headsBefore(records)
	actual, lookErr := readHeads(ctx, t.db.pool, heads)
	if lookErr != nil && len(heads) > 1 {
		return Wrap(ctx, errors.Join(err, lookErr))
	}
	for i, h := range heads {
		switch {
		case lookErr != nil:
			return &domain.ConflictError{Type: h.Type, ID: h.ID, Expected: h.Version, Actual: -1}
		case actual[i] > h.Version:
			return &domain.ConflictError{Type: h.Type, ID: h.ID, Expected: h.Version, Actual: actual[i]}
		}
	}
	return fmt.Errorf("a version is given twice in one unit: %w", err)
}

// headsBefore returns the aggregates that the records are appended to, each at the version that its first record
// follows.
func headsBefore(records []eventlog.Record) []eventlog.Head {
	var heads []eventlog.Head
	for i := range records {
		if r := &records[i]; !r.IsMessage() {
			heads = append(heads, eventlog.Head{Type: r.AggregateType, ID: r.AggregateID, Version: r.Version - 1})
		}
	}
	slices.SortFunc(heads, func(a, b eventlog.Head) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Version, b.Version))
	})
	return slices.CompactFunc(heads, func(a, b eventlog.Head) bool { return a.Type == b.Type && a.ID == b.ID })
}
