package kafka

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/relaying"
)

// deliver makes a delivery of a record. Headers that aren't an event's are no failure here: the delivery says so. Of a header
// that is there twice the last one counts, as for Kafka's own clients. The record's bytes are not copied.
func deliver(p projection.Partition, r *kgo.Record) projection.Delivery {
	d := projection.Delivery{Partition: p, Offset: r.Offset, Key: r.Key, Value: r.Value, Headers: headersOf(r)}
	d.Record, d.Err = relaying.Parse(d.Headers)
	if d.Err == nil {
		d.Record.Topic, d.Record.Payload = p.Topic, r.Value
	}
	return d
}

// headersOf copies a record's headers, whose values share memory.
func headersOf(r *kgo.Record) []relaying.Header {
	if len(r.Headers) == 0 {
		return nil
	}
	size := 0
	for i := range r.Headers {
		size += len(r.Headers[i].Value)
	}
	var values strings.Builder
	values.Grow(size)
	headers := make([]relaying.Header, len(r.Headers))
	for i, h := range r.Headers {
		from := values.Len()
		values.Write(h.Value)
		headers[i] = relaying.Header{Name: h.Key, Value: values.String()[from:]}
	}
	return headers
}
