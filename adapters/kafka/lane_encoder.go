package kafka

import (
	"slices"
	"time"

	watermillkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

const (
	mostHeaders = 18       // of a record, with those of CloudEvents
	valuesChunk = 64 << 10 // bytes of keys and values of headers that are allocated at once
)

// encoder makes a batch's records, whose parts share memory: one by one they would be more than twenty pieces each. Memory
// is used again for the next batch when all of this one are out. Not safe for concurrent use.
type encoder struct {
	cfg     LanesConfig
	records []kgo.Record
	headers []kgo.RecordHeader
	values  []byte
	scratch []relaying.Header
}

// begin makes room for n records. Those of the batch before are overwritten.
func (e *encoder) begin(n int) {
	if cap(e.records) > 4*max(n, 256) { // the backlog is over
		*e = encoder{cfg: e.cfg}
	}
	e.records = slices.Grow(e.records[:0], n)
	e.headers, e.values = e.headers[:0], e.values[:0]
}

// done lets go of the payloads.
func (e *encoder) done() { clear(e.records) }

// add returns r as it is published: what the relay over Watermill publishes, so that readers can't tell which relay ran.
// The payload isn't copied. No more may be added than there is room for.
func (e *encoder) add(r *eventlog.Record) *kgo.Record {
	if w, ok := relaying.WireOf(r); ok {
		e.records = append(e.records, wireRecord(r.Topic, w))
		return &e.records[len(e.records)-1]
	}
	if cap(e.headers)-len(e.headers) < mostHeaders {
		e.headers = make([]kgo.RecordHeader, 0, mostHeaders+cap(e.records)*e.perRecord()) // records made before keep theirs
	}
	from := len(e.headers)
	e.scratch = relaying.AppendHeaders(e.scratch[:0], r)
	for _, h := range e.scratch {
		if h.Null() {
			e.headers = append(e.headers, kgo.RecordHeader{Key: h.Name})
			continue
		}
		e.header(h.Name, h.Value)
	}
	id := e.headers[from].Value
	e.headers = append(e.headers, kgo.RecordHeader{Key: watermillkafka.UUIDHeaderKey, Value: id})
	if e.cfg.CloudEvents {
		e.cloudEvent(r, id)
	}
	e.records = append(e.records, kgo.Record{
		Topic: r.Topic, Key: e.value(r.AggregateID), Value: r.Payload, Headers: e.headers[from:len(e.headers):len(e.headers)],
	})
	return &e.records[len(e.records)-1]
}

func (e *encoder) perRecord() int {
	if e.cfg.CloudEvents {
		return mostHeaders
	}
	return 11
}

func (e *encoder) cloudEvent(r *eventlog.Record, id []byte) {
	e.headers = append(e.headers, kgo.RecordHeader{Key: HeaderCloudEventID, Value: id})
	e.header(HeaderCloudEventSource, e.cfg.Source)
	e.header(HeaderCloudEventSpecVersion, "1.0")
	e.header(HeaderCloudEventType, r.Type)
	e.header(HeaderCloudEventTime, r.RecordedAt.UTC().Format(time.RFC3339Nano))
	if r.AggregateID != "" { // an attribute that is there isn't empty
		e.header(HeaderCloudEventSubject, r.AggregateID)
	}
	e.header(HeaderContentType, "application/json")
}

func (e *encoder) header(name, value string) {
	e.headers = append(e.headers, kgo.RecordHeader{Key: name, Value: e.value(value)})
}

// value copies a text.
func (e *encoder) value(text string) []byte {
	if len(text) > cap(e.values)-len(e.values) {
		e.values = make([]byte, 0, max(valuesChunk, 2*cap(e.values), len(text))) // those made before keep theirs
	}
	from := len(e.values)
	e.values = append(e.values, text...)
	return e.values[from:len(e.values):len(e.values)]
}
