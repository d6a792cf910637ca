package postgres

import (
	"context"
	"fmt"

	"github.com/lib/pq"

	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
)

// DeadLetters keeps parked sequences in tenon.parked_sequences and tenon.parked_events. Safe for concurrent use.
type DeadLetters struct{ db *DB }

var (
	_ deadletter.Parking   = (*DeadLetters)(nil)
	_ deadletter.Replaying = (*DeadLetters)(nil)
	_ deadletter.Finder    = (*DeadLetters)(nil)
	_ deadletter.Desk      = (*DeadLetters)(nil)
)

// NewDeadLetters returns the dead letters of db.
func NewDeadLetters(db *DB) *DeadLetters { return &DeadLetters{db: db} }

const (
	sequencesSQL = `SELECT aggregate_type, aggregate_id FROM tenon.parked_sequences
		WHERE projection = $1 AND version = $2 AND topic = $3 AND partition = $4`

	// A replay holds its sequence for as long as a few events take. Who waits longer tries the whole batch again.
	patientSQL = `SELECT current_setting('lock_timeout'), set_config('lock_timeout', '2s', true)`
	restoreSQL = `SELECT set_config('lock_timeout', $1, true)`

	keyColumns = `projection, version, topic, partition, aggregate_type, aggregate_id`
	givenKeys  = `unnest($1::text[], $2::integer[], $3::text[], $4::integer[], $5::text[], $6::text[])`

	// Rows are locked in the order of ids by everybody who locks several.
	holdSQL = `SELECT s.projection, s.version, s.topic, s.partition, s.aggregate_type, s.aggregate_id
		FROM tenon.parked_sequences s
		WHERE (s.projection, s.version, s.topic, s.partition, s.aggregate_type, s.aggregate_id) IN (SELECT * FROM ` + givenKeys + `)
		ORDER BY s.id FOR KEY SHARE OF s`

	beginSequencesSQL = `INSERT INTO tenon.parked_sequences (` + keyColumns + `, parked_at)
		SELECT k.*, $7::timestamptz FROM ` + givenKeys + ` AS k ON CONFLICT DO NOTHING`

	// Ids are taken after the sort: in the order given.
	parkEventsSQL = `INSERT INTO tenon.parked_events (sequence, record_offset, event_id, event_type, record_key, headers, payload_text,
			payload_bytes, reason, error, stack, attempts, parked_at, first_failed_at, last_failed_at)
		SELECT s.id, r.record_offset, r.event_id, r.event_type, r.record_key::bytea, r.headers::json, r.payload_text,
			r.payload_bytes::bytea, r.reason, r.error, r.stack, r.attempts, r.parked_at, r.first_failed_at, r.last_failed_at
		FROM unnest($1::text[], $2::integer[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::bigint[], $8::uuid[], $9::text[],
				$10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::integer[],
				$18::timestamptz[], $19::timestamptz[], $20::timestamptz[]) WITH ORDINALITY
			AS r(` + keyColumns + `, record_offset, event_id, event_type, record_key, headers, payload_text, payload_bytes,
				reason, error, stack, attempts, parked_at, first_failed_at, last_failed_at, place)
		JOIN tenon.parked_sequences s USING (` + keyColumns + `)
		ORDER BY r.place`
)

// Sequences returns the keys that are parked at a place.
func (d *DeadLetters) Sequences(ctx context.Context, p deadletter.Place) ([]deadletter.Key, error) {
	var rows []parkedKey
	if err := d.db.pool.SelectContext(ctx, &rows, sequencesSQL, p.Projection, p.Version, p.Topic, p.Partition); err != nil {
		return nil, fmt.Errorf("parked sequences of %s: %w", p.Projection, Wrap(ctx, err))
	}
	keys := make([]deadletter.Key, len(rows))
	for i, r := range rows {
		keys[i] = deadletter.Key{Place: p, AggregateType: r.AggregateType, AggregateID: r.AggregateID}
	}
	return keys, nil
}

// Hold locks the sequences that are there and returns them.
func (d *DeadLetters) Hold(ctx context.Context, tx eventlog.Tx, keys []deadletter.Key) ([]deadletter.Key, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	var before, now string
	var rows []parkedKey
	handle := SQL(tx)
	err := handle.QueryRowxContext(ctx, patientSQL).Scan(&before, &now)
	if err == nil {
		err = handle.SelectContext(ctx, &rows, holdSQL, keyArrays(keys)...)
	}
	if err == nil {
		_, err = handle.ExecContext(ctx, restoreSQL, before)
	}
	if err != nil {
		return nil, fmt.Errorf("hold %d parked sequences: %w", len(keys), Wrap(ctx, err))
	}
	there := make([]deadletter.Key, len(rows))
	for i := range rows {
		there[i] = rows[i].key()
	}
	return there, nil
}

// Park puts events at the ends of their sequences.
func (d *DeadLetters) Park(ctx context.Context, tx eventlog.Tx, events []deadletter.Event) error {
	if len(events) == 0 {
		return nil
	}
	keys := make([]deadletter.Key, len(events))
	for i := range events {
		keys[i] = events[i].Key
	}
	arrays := keyArrays(keys)
	_, err := SQL(tx).ExecContext(ctx, beginSequencesSQL, append(arrays, events[0].ParkedAt.UTC())...)
	if err != nil {
		return fmt.Errorf("begin parked sequences: %w", Wrap(ctx, err))
	}
	columns, err := parkedColumnsOf(events)
	if err != nil {
		return err
	}
	result, err := SQL(tx).ExecContext(ctx, parkEventsSQL, append(arrays, columns...)...)
	if err != nil {
		return fmt.Errorf("park %d events: %w", len(events), Wrap(ctx, err))
	}
	if n, err := result.RowsAffected(); err != nil || n != int64(len(events)) {
		return fmt.Errorf("park %d events: %d were stored, a sequence wasn't held (%w)", len(events), n, err)
	}
	return nil
}

// parkedKey is a row of tenon.parked_sequences.
type parkedKey struct {
	Projection    string `db:"projection"`
	Version       int    `db:"version"`
	Topic         string `db:"topic"`
	Partition     int32  `db:"partition"`
	AggregateType string `db:"aggregate_type"`
	AggregateID   string `db:"aggregate_id"`
}

func (r *parkedKey) key() deadletter.Key {
	return deadletter.Key{
		Place:         deadletter.Place{Projection: r.Projection, Version: r.Version, Topic: r.Topic, Partition: r.Partition},
		AggregateType: r.AggregateType, AggregateID: r.AggregateID,
	}
}

func keyArgs(k deadletter.Key) []any {
	return []any{k.Projection, k.Version, k.Topic, k.Partition, k.AggregateType, k.AggregateID}
}

// keyArrays returns keys by column.
func keyArrays(keys []deadletter.Key) []any {
	var names, topics, types, ids pq.StringArray
	var versions, partitions pq.Int32Array
	for _, k := range keys {
		names, versions = append(names, k.Projection), append(versions, int32(k.Version)) //nolint:gosec // an integer column
		topics, partitions = append(topics, k.Topic), append(partitions, k.Partition)
		types, ids = append(types, k.AggregateType), append(ids, k.AggregateID)
	}
	return []any{names, versions, topics, partitions, types, ids}
}
