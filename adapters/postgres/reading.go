package postgres

import (
	"context"
	"fmt"

	"github.com/lib/pq"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/reading"
)

var _ reading.Progress = (*DB)(nil)

// The events are looked up from the one that is asked for backwards, along their stream: the first is mostly the one. The arrays
// are hidden from the planner, to which one plan then looks as good as another for every length: it plans once, not each time,
// which takes longer than the lookups.
const outstandingSQL = `
WITH seen AS MATERIALIZED (SELECT coalesce((SELECT version FROM tenon.projection_versions WHERE projection = $1 AND state = 'serving'), $2) AS version)
SELECT coalesce((SELECT e.version FROM tenon.events e
        WHERE e.tenant = '' AND e.aggregate_type = h.kind AND e.aggregate_id = h.id AND e.version <= h.version
            AND e.event_type = ANY ($3) AND e.topic = ANY ($4)
            AND NOT EXISTS (SELECT FROM tenon.parked_actions d WHERE d.kind = 'discard' AND d.projection = $1 AND d.version = (SELECT version FROM seen)
                AND d.event_id = e.event_id)
        ORDER BY e.version DESC LIMIT 1), 0) AS needed,
    coalesce((SELECT a.last_version FROM tenon.applied a WHERE a.projection = $1 AND a.version = (SELECT version FROM seen)
        AND a.aggregate_type = h.kind AND a.aggregate_id = h.id), 0) AS applied,
    EXISTS (SELECT FROM tenon.parked_sequences s WHERE s.projection = $1 AND s.version = (SELECT version FROM seen)
        AND s.aggregate_type = h.kind AND s.aggregate_id = h.id) AS parked,
    (SELECT version FROM seen) AS version
FROM unnest((SELECT $5::text[]), (SELECT $6::text[]), (SELECT $7::bigint[])) WITH ORDINALITY AS h(kind, id, version, place)
ORDER BY h.place`

// Outstanding implements reading.Progress, in one round trip.
func (db *DB) Outstanding(ctx context.Context, p *projection.Projection, heads []eventlog.Head) ([]reading.Outstanding, error) {
	var kinds, ids pq.StringArray
	var versions pq.Int64Array
	for _, h := range heads {
		kinds, ids, versions = append(kinds, h.Type), append(ids, h.ID), append(versions, int64(h.Version))
	}
	rows, err := db.pool.QueryContext(ctx, outstandingSQL, p.Name, p.Version, pq.StringArray(p.Types), pq.StringArray(p.Topics), kinds, ids, versions)
	if err != nil {
		return nil, Wrap(ctx, err)
	}
	all := make([]reading.Outstanding, 0, len(heads))
	err = each(rows, func() error {
		var o reading.Outstanding
		err := rows.Scan(&o.Needed, &o.Applied, &o.Parked, &o.Version)
		all = append(all, o)
		return err
	})
	if err == nil && len(all) != len(heads) {
		err = fmt.Errorf("%d answers for %d aggregates", len(all), len(heads))
	}
	return all, Wrap(ctx, err)
}
