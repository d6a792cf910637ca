package postgres

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

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

// columns returns the rows by column, in the order of [appendColumns]: each as the text of an array in SQL, all in one piece of
// memory.
func (b *batch) columns() []any {
	size := 0
	for i := range b.rows {
		size += b.rows[i].size() + len(b.rows[i].payload)/8 // for what is escaped
	}
	writers := columnWriters()
	all, ends := make([]byte, 0, size), make([]int, 0, len(writers))
	for _, write := range writers {
		for i := range b.rows {
			all = write(begin(all, i), &b.rows[i])
		}
		all = append(all, '}')
		ends = append(ends, len(all))
	}
	text, args, start := string(all), make([]any, len(ends)), 0
	for i, end := range ends {
		args[i], start = text[start:end], end
	}
	return args
}

// columnWriters returns what appends a row's element to the array of each column.
func columnWriters() [15]func([]byte, *row) []byte {
	return [...]func([]byte, *row) []byte{
		func(b []byte, r *row) []byte { return append(b, r.id...) },
		func(b []byte, r *row) []byte { return appendText(b, r.topic) },
		func(b []byte, r *row) []byte { return appendText(b, r.kind) },
		func(b []byte, r *row) []byte { return appendText(b, r.key) },
		func(b []byte, r *row) []byte { return strconv.AppendInt(b, r.version, 10) },
		func(b []byte, r *row) []byte { return strconv.AppendInt(b, int64(r.bucket), 10) },
		func(b []byte, r *row) []byte { return appendText(b, r.event) },
		func(b []byte, r *row) []byte { return strconv.AppendInt(b, int64(r.schema), 10) },
		func(b []byte, r *row) []byte { return appendText(b, r.payload) },
		func(b []byte, r *row) []byte { return appendText(b, r.metadata) },
		func(b []byte, r *row) []byte { return appendText(b, r.correlation) },
		func(b []byte, r *row) []byte { return appendText(b, r.causation) },
		func(b []byte, r *row) []byte { return appendText(b, r.trace) },
		func(b []byte, r *row) []byte { return appendText(b, r.actor) },
		func(b []byte, r *row) []byte { return appendText(b, r.time) },
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
