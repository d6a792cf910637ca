package postgres

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/lib/pq"

	"github.com/tenon-go/tenon/application/eventlog"
)

// row is a record as its columns are sent: it shares no memory with the record.
type row struct {
	id, topic, kind, key, event, payload string
	metadata, correlation, causation     string
	trace, actor, time                   string
	version                              int64
	bucket, schema                       int32
}

// newRow refuses a record that can't be stored.
func newRow(r *eventlog.Record) (row, error) {
	if err := check(r); err != nil {
		return row{}, fmt.Errorf("event %q %s: %w", r.Type, r.ID, err)
	}
	metadata := "{}"
	if len(r.Metadata) > 0 {
		encoded, err := json.Marshal(r.Metadata)
		if err != nil {
			return row{}, fmt.Errorf("event %q %s: metadata: %w", r.Type, r.ID, err)
		}
		metadata = string(encoded)
	}
	return row{
		id: r.ID.String(), topic: r.Topic, kind: r.AggregateType, key: r.AggregateID, event: r.Type, payload: string(r.Payload),
		metadata: metadata, correlation: r.CorrelationID, causation: r.CausationID, trace: r.Traceparent, actor: r.Actor,
		time: r.RecordedAt.UTC().Format(timestampForm), version: int64(r.Version), bucket: int32(eventlog.Bucket(r.AggregateID)),
		schema: int32(r.SchemaVersion), //nolint:gosec // checked
	}, nil
}

func (r *row) isMessage() bool { return r.version == 0 }

// size is about how many bytes the row takes on the wire.
func (r *row) size() int {
	return len(r.payload) + len(r.metadata) + len(r.topic) + len(r.kind) + len(r.key) + len(r.event) + len(r.correlation) + 150
}

// batch is what one statement appends.
type batch struct {
	rows  []row
	locks []int32 // buckets of the aggregates, in one order in all transactions: fewer deadlocks
}

func newBatch(records []eventlog.Record) (*batch, error) {
	b := &batch{rows: make([]row, 0, len(records))}
	for i := range records {
		r, err := newRow(&records[i])
		if err != nil {
			return nil, err
		}
		b.rows = append(b.rows, r)
	}
	b.findLocks()
	return b, nil
}

func (b *batch) findLocks() {
	for i := range b.rows {
		if !b.rows[i].isMessage() {
			b.locks = append(b.locks, b.rows[i].bucket)
		}
	}
	slices.Sort(b.locks)
	b.locks = slices.Compact(b.locks)
}

// columns returns the rows by column, in the order of [appendColumns].
func (b *batch) columns() []any {
	text := func(of func(*row) string) pq.StringArray {
		column := make(pq.StringArray, len(b.rows))
		for i := range b.rows {
			column[i] = of(&b.rows[i])
		}
		return column
	}
	versions := make(pq.Int64Array, len(b.rows))
	buckets, schemas := make(pq.Int32Array, len(b.rows)), make(pq.Int32Array, len(b.rows))
	for i := range b.rows {
		versions[i], buckets[i], schemas[i] = b.rows[i].version, b.rows[i].bucket, b.rows[i].schema
	}
	return []any{
		text(func(r *row) string { return r.id }), text(func(r *row) string { return r.topic }),
		text(func(r *row) string { return r.kind }), text(func(r *row) string { return r.key }), versions, buckets,
		text(func(r *row) string { return r.event }), schemas, text(func(r *row) string { return r.payload }),
		text(func(r *row) string { return r.metadata }), text(func(r *row) string { return r.correlation }),
		text(func(r *row) string { return r.causation }), text(func(r *row) string { return r.trace }),
		text(func(r *row) string { return r.actor }), text(func(r *row) string { return r.time }),
	}
}

// onlyArgs returns the parameters for a single record.
func (b *batch) onlyArgs() []any {
	var lock any
	if len(b.locks) > 0 {
		lock = b.locks[0]
	}
	r := &b.rows[0]
	return []any{
		int32(lockClass), lock, r.id, r.topic, r.kind, r.key, r.version, r.bucket, r.event, r.schema,
		r.payload, r.metadata, r.correlation, r.causation, r.trace, r.actor, r.time,
	}
}
