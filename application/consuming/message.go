package consuming

import (
	"context"
	"fmt"
	"strconv"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/relaying"
)

// Metadata of a message that say where it came from, besides the record's own headers.
const (
	MetadataTopic     = "tenon-topic"
	MetadataPartition = "tenon-partition"
	MetadataOffset    = "tenon-offset" // of a record of the log: its position
	MetadataKey       = "tenon-key"
)

// maxUUID bounds an id that somebody else has chosen.
const maxUUID = 200

// Message returns the message in which a record reaches a Watermill handler. It can't fail: a record that no relay wrote is a
// message too. Its UUID is the event's id, else Watermill's own, else made of the topic's id, partition and offset: the same
// at every delivery. Of headers that are there twice the last counts.
func Message(d projection.Delivery) *message.Message {
	m := message.NewMessage(messageID(&d), d.Value)
	for _, h := range d.Headers {
		m.Metadata[h.Name] = h.Value
	}
	m.Metadata[MetadataTopic] = d.Partition.Topic
	m.Metadata[MetadataPartition] = fmt.Sprint(d.Partition.Number)
	m.Metadata[MetadataOffset] = fmt.Sprint(d.Offset)
	m.Metadata[MetadataKey] = string(d.Key)
	return m
}

func messageID(d *projection.Delivery) string {
	if d.Err == nil {
		return d.Record.ID.String()
	}
	if id := relaying.Last(d.Headers, relaying.HeaderMessageID); id != "" && len(id) <= maxUUID {
		return id
	}
	return fmt.Sprintf("%s/%d/%d", d.Partition.ID, d.Partition.Number, d.Offset)
}

// LogDelivery returns a record of the log as the delivery that it would be on its topic.
func LogDelivery(r *eventlog.Record) projection.Delivery {
	return projection.Delivery{
		Partition: projection.Partition{Topic: r.Topic}, Offset: r.Position,
		Key: []byte(r.AggregateID), Value: r.Payload, Headers: relaying.Headers(r), Record: *r,
	}
}

type deliveryKey struct{}

// WithDelivery returns a context that carries the delivery that a message was made of: header by header and byte by byte.
func WithDelivery(ctx context.Context, d projection.Delivery) context.Context {
	return context.WithValue(ctx, deliveryKey{}, d)
}

// DeliveryOf returns what m was made of: the delivery in its context, or what its metadata tell.
func DeliveryOf(m *message.Message) projection.Delivery {
	if d, ok := m.Context().Value(deliveryKey{}).(projection.Delivery); ok {
		return d
	}
	d := projection.Delivery{Key: []byte(m.Metadata.Get(MetadataKey)), Value: m.Payload}
	d.Partition.Topic = m.Metadata.Get(MetadataTopic)
	d.Offset, _ = strconv.ParseInt(m.Metadata.Get(MetadataOffset), 10, 64)
	if d.Record, d.Err = Record(m); d.Err == nil {
		d.Headers = relaying.Headers(&d.Record)
	}
	return d
}

// Record returns the record that m was made of, as far as its metadata tell it; the error wraps relaying.ErrHeaders when no
// relay wrote it.
func Record(m *message.Message) (eventlog.Record, error) {
	headers := make([]relaying.Header, 0, len(m.Metadata))
	for name, value := range m.Metadata {
		headers = append(headers, relaying.Header{Name: name, Value: value})
	}
	r, err := relaying.Parse(headers)
	if err != nil {
		return r, err
	}
	r.Topic, r.Payload = m.Metadata.Get(MetadataTopic), m.Payload
	return r, nil
}
