package kafka

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/relaying"
)

// deliver makes a delivery of a record. Headers that aren't an event's are no failure here: the delivery says so. Of a header
// that is there twice the last one counts, as for Kafka's own clients. The record's bytes are not copied.
func deliver(p projection.Partition, r *kgo.Record) projection.Delivery {
	d := projection.Delivery{Partition: p, Offset: r.Offset, Key: r.Key, Value: r.Value}
	if len(r.Headers) > 0 {
		d.Headers = make([]relaying.Header, len(r.Headers))
	}
	for i, h := range r.Headers {
		d.Headers[i] = relaying.Header{Name: h.Key, Value: string(h.Value)}
	}
	d.Record, d.Err = relaying.Parse(func(name string) string { return relaying.Last(d.Headers, name) })
	if d.Err == nil {
		d.Record.Topic, d.Record.Payload = p.Topic, r.Value
	}
	return d
}
