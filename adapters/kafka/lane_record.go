package kafka

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/relaying"
)

// Headers of CloudEvents' binary mode, which a relay writes after its own when it is asked to.
const (
	HeaderCloudEventID          = "ce_id"
	HeaderCloudEventSource      = "ce_source"
	HeaderCloudEventSpecVersion = "ce_specversion"
	HeaderCloudEventType        = "ce_type"
	HeaderCloudEventTime        = "ce_time"    // RFC 3339, UTC
	HeaderCloudEventSubject     = "ce_subject" // the aggregate id
	HeaderContentType           = "content-type"
)

// wireRecord is a record that is published as it came.
func wireRecord(topic string, w relaying.Wire) kgo.Record {
	kr := kgo.Record{Topic: topic, Key: w.Key, Value: w.Value, Headers: make([]kgo.RecordHeader, len(w.Headers))}
	for i, h := range w.Headers {
		kr.Headers[i] = kgo.RecordHeader{Key: h.Name, Value: []byte(h.Value)}
	}
	return kr
}

// batchSize is the most that a broker counts for r when it is alone in a batch and not compressed.
func batchSize(r *kgo.Record) int {
	const batch, fields = 61, 1 + 1 + 1 // a batch's own; a record's attributes, time and offset when it is the first
	n := fields + varintSize(len(r.Key)) + len(r.Key) + varintSize(len(r.Value)) + len(r.Value) + varintSize(len(r.Headers))
	for _, h := range r.Headers {
		n += varintSize(len(h.Key)) + len(h.Key) + varintSize(len(h.Value)) + len(h.Value)
	}
	return batch + varintSize(n) + n
}

// varintSize is the length of n, which isn't negative, as Kafka's zigzag number.
func varintSize(n int) int {
	size := 1
	for n >>= 6; n > 0; n >>= 7 {
		size++
	}
	return size
}
