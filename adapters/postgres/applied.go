package postgres

import (
	"context"
	"database/sql"
	"errors"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/domain"
)

const (
	// What it returns is as it was before: a statement doesn't see what it writes itself. The rows are looked up by their whole
	// key, one by one: a join is planned over all rows of the projection while the table has no statistics.
	appliedSQL = `
WITH batch AS (SELECT * FROM unnest($3::text[], $4::text[], $5::bigint[]) AS u(aggregate_type, aggregate_id, last_version)),
before AS (
    SELECT b.aggregate_type, b.aggregate_id, a.last_version FROM batch AS b
    CROSS JOIN LATERAL (SELECT last_version FROM tenon.applied AS a WHERE a.projection = $1 AND a.version = $2
        AND a.aggregate_type = b.aggregate_type AND a.aggregate_id = b.aggregate_id LIMIT 1) AS a
),
moved AS (
    INSERT INTO tenon.applied AS a (projection, version, aggregate_type, aggregate_id, last_version)
    SELECT $1, $2, aggregate_type, aggregate_id, last_version FROM batch ORDER BY aggregate_type, aggregate_id
    ON CONFLICT ON CONSTRAINT applied_pkey DO UPDATE SET last_version = excluded.last_version, applied_on = current_date
        WHERE a.last_version < excluded.last_version
)
SELECT aggregate_type, aggregate_id, last_version FROM before`

	inboxSQL = `
INSERT INTO tenon.inbox (projection, version, event_id) SELECT $1, $2, id FROM unnest($3::uuid[]) AS u(id) ORDER BY id
ON CONFLICT DO NOTHING RETURNING event_id`
)

// stream is an aggregate whose events come one after the other.
type stream struct{ kind, id string }

// Fresh implements projection.Checkpoints: a statement for the batch's aggregates, one for events without a version.
func (db *DB) Fresh(ctx context.Context, tx eventlog.Tx, name string, version int, batch []projection.Event) ([]projection.Event, error) {
	t := own(tx)
	newest := make(map[stream]domain.Version)
	var ids pq.StringArray
	for i := range batch {
		e := &batch[i]
		if key := (stream{e.AggregateType, e.AggregateID}); e.Version > 0 {
			newest[key] = max(newest[key], e.Version)
		} else {
			ids = append(ids, e.ID.String())
		}
	}
	reached, err := t.reached(ctx, name, version, newest)
	if err != nil {
		return nil, Wrap(ctx, err)
	}
	unseen, err := t.unseen(ctx, name, version, ids)
	if err != nil {
		return nil, Wrap(ctx, err)
	}
	fresh := make([]projection.Event, 0, len(batch))
	for _, e := range batch {
		key := stream{e.AggregateType, e.AggregateID}
		switch {
		case e.Version > reached[key]:
			reached[key] = e.Version
			fresh = append(fresh, e)
		case e.Version == 0 && unseen[e.ID]:
			delete(unseen, e.ID)
			fresh = append(fresh, e)
		}
	}
	return fresh, nil
}

// reached returns the versions that were applied before and notes those of the batch.
func (t *Tx) reached(ctx context.Context, name string, version int, newest map[stream]domain.Version) (map[stream]domain.Version, error) {
	before := make(map[stream]domain.Version, len(newest))
	if len(newest) == 0 {
		return before, nil
	}
	var kinds, ids pq.StringArray
	var versions pq.Int64Array
	for key, v := range newest {
		kinds, ids, versions = append(kinds, key.kind), append(ids, key.id), append(versions, int64(v))
	}
	rows, err := t.tx.QueryContext(ctx, appliedSQL, name, version, kinds, ids, versions)
	if err != nil {
		return nil, err
	}
	return before, each(rows, func() error {
		var key stream
		var v domain.Version
		err := rows.Scan(&key.kind, &key.id, &v)
		before[key] = v
		return err
	})
}

// unseen returns which of the ids weren't in the inbox, where they are from now on.
func (t *Tx) unseen(ctx context.Context, name string, version int, ids pq.StringArray) (map[uuid.UUID]bool, error) {
	unseen := make(map[uuid.UUID]bool, len(ids))
	if len(ids) == 0 {
		return unseen, nil
	}
	rows, err := t.tx.QueryContext(ctx, inboxSQL, name, version, ids)
	if err != nil {
		return nil, err
	}
	return unseen, each(rows, func() error {
		var id uuid.UUID
		err := rows.Scan(&id)
		unseen[id] = true
		return err
	})
}

// each calls scan for every row and closes them.
func each(rows *sql.Rows, scan func() error) error {
	var err error
	for err == nil && rows.Next() {
		err = scan()
	}
	return errors.Join(err, rows.Err(), rows.Close())
}
