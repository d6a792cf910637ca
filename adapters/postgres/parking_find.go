package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/lib/pq"

	"github.com/tenon-go/tenon/application/deadletter"
)

const (
	// filterSQL is the filter of $1 to $8.
	filterSQL = `($1::bigint[] IS NULL OR e.id = ANY ($1)) AND ($2 = '' OR s.projection = $2) AND ($3::integer = 0 OR s.version = $3)
		AND ($4 = '' OR s.topic = $4) AND ($5 = '' OR s.aggregate_type = $5) AND ($6 = '' OR s.aggregate_id = $6)
		AND ($7 = '' OR e.event_type = $7) AND ($8 = '' OR e.reason = $8)`

	findEventsSQL = `SELECT ` + eventColumns + ` FROM tenon.parked_events e JOIN tenon.parked_sequences s ON s.id = e.sequence
		WHERE ` + filterSQL + ` AND e.id > $9 ORDER BY e.id LIMIT $10`

	findKeysSQL = `SELECT s.projection, s.version, s.topic, s.partition, s.aggregate_type, s.aggregate_id FROM tenon.parked_sequences s
		WHERE EXISTS (SELECT FROM tenon.parked_events e WHERE e.sequence = s.id AND ` + filterSQL + `)
		ORDER BY (SELECT min(e.id) FROM tenon.parked_events e WHERE e.sequence = s.id)`

	countsSQL = `SELECT s.projection, s.version, count(DISTINCT s.id) AS sequences, count(*) AS events, min(e.parked_at) AS oldest
		FROM tenon.parked_events e JOIN tenon.parked_sequences s ON s.id = e.sequence
		GROUP BY s.projection, s.version ORDER BY s.projection COLLATE "C", s.version`
)

func filterArgs(f deadletter.Filter) []any {
	return []any{pq.Int64Array(f.IDs), f.Projection, f.Version, f.Topic, f.AggregateType, f.AggregateID, f.Type, string(f.Reason)}
}

// Events returns the events that the filter lets through.
func (d *DeadLetters) Events(ctx context.Context, f deadletter.Filter, after int64, most int) ([]deadletter.Event, error) {
	var rows []parkedEvent
	if err := d.db.pool.SelectContext(ctx, &rows, findEventsSQL, append(filterArgs(f), after, most)...); err != nil {
		return nil, fmt.Errorf("parked events: %w", Wrap(ctx, err))
	}
	return eventsOf(rows)
}

// Keys returns the sequences that hold such events.
func (d *DeadLetters) Keys(ctx context.Context, f deadletter.Filter) ([]deadletter.Key, error) {
	var rows []parkedKey
	if err := d.db.pool.SelectContext(ctx, &rows, findKeysSQL, filterArgs(f)...); err != nil {
		return nil, fmt.Errorf("parked sequences: %w", Wrap(ctx, err))
	}
	keys := make([]deadletter.Key, len(rows))
	for i := range rows {
		keys[i] = rows[i].key()
	}
	return keys, nil
}

// Counts returns how much is parked.
func (d *DeadLetters) Counts(ctx context.Context) ([]deadletter.Count, error) {
	var rows []struct {
		Projection string    `db:"projection"`
		Version    int       `db:"version"`
		Sequences  int       `db:"sequences"`
		Events     int       `db:"events"`
		Oldest     time.Time `db:"oldest"`
	}
	if err := d.db.pool.SelectContext(ctx, &rows, countsSQL); err != nil {
		return nil, fmt.Errorf("count parked events: %w", Wrap(ctx, err))
	}
	var counts []deadletter.Count
	for _, r := range rows {
		counts = append(counts, deadletter.Count{
			Projection: r.Projection, Version: r.Version, Sequences: r.Sequences, Events: r.Events, Oldest: r.Oldest.UTC(),
		})
	}
	return counts, nil
}
