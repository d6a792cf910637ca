// Package eventlog is the contract of the log: one append-only table that is event store, outbox and source of change
// data at once. [Store] opens transactions, [Tx] appends, [Reader] reads all of it without skipping or stalling,
// [Streams] reads one aggregate. [Signal] wakes readers after a commit.
//
// Delivery state isn't here: each reader keeps a [Cursor] of its own. Adapters: memory, postgres. Both pass the
// conformance suites of package applicationtest.
package eventlog

import (
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/domain"
)

// Record is one row of the log: an aggregate's event, or a message that belongs to none (Version 0).
type Record struct {
	Position      int64             // place in the log, assigned by it; rises, with gaps
	ID            uuid.UUID         // event id, version 7
	Topic         string            // where the relay publishes it
	AggregateType string            // "order"; empty for a message
	AggregateID   string            // key of the record on Kafka; for a message the key its sender chose
	Version       domain.Version    // place in the aggregate's stream, from 1; 0 for a message
	Type          string            // "order.created"
	SchemaVersion int               // version of the payload's form, from 1
	Payload       []byte            // JSON; the bytes appended are the bytes published
	Metadata      map[string]string // what users add; never interpreted
	CorrelationID string            // names the flow of work that the record belongs to
	CausationID   string            // id of the message that caused it; empty for a command from outside
	Traceparent   string            // W3C trace context, or empty
	Actor         string            // who asked for it, or empty
	RecordedAt    time.Time         // by the writer's clock, UTC, whole microseconds
}

// IsMessage reports whether r is a message that is no aggregate's event: never folded, published like the rest.
func (r *Record) IsMessage() bool { return r.Version == 0 }

// Buckets is the number of buckets that keys are hashed to: the finest division of the log among relays. Stored in
// every row, so it never changes.
const Buckets = 1024

// Bucket returns the bucket of a key, 0 to Buckets-1: FNV-1a, 32 bits, folded by xor to 10 bits. Two records with the
// same key are in the same bucket, for ever.
func Bucket(key string) int16 {
	h := uint32(2166136261)
	for i := range len(key) {
		h = (h ^ uint32(key[i])) * 16777619
	}
	return int16((h ^ h>>10 ^ h>>20) % Buckets)
}
