package kafka

import (
	"time"

	watermillkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/eventlog"
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

// record is r as it is published: what the relay over Watermill publishes, so that readers can't tell which relay ran.
func (c LanesConfig) record(r *eventlog.Record) *kgo.Record {
	id := r.ID.String()
	kr := &kgo.Record{Topic: r.Topic, Key: []byte(r.AggregateID), Value: r.Payload, Headers: make([]kgo.RecordHeader, 0, 18)}
	add := func(name, value string) {
		kr.Headers = append(kr.Headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
	}
	for _, h := range relaying.Headers(r) {
		add(h.Name, h.Value)
	}
	add(watermillkafka.UUIDHeaderKey, id)
	if c.CloudEvents {
		add(HeaderCloudEventID, id)
		add(HeaderCloudEventSource, c.Source)
		add(HeaderCloudEventSpecVersion, "1.0")
		add(HeaderCloudEventType, r.Type)
		add(HeaderCloudEventTime, r.RecordedAt.UTC().Format(time.RFC3339Nano))
		if r.AggregateID != "" { // an attribute that is there isn't empty
			add(HeaderCloudEventSubject, r.AggregateID)
		}
		add(HeaderContentType, "application/json")
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
