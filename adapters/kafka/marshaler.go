package kafka

import (
	"maps"
	"slices"

	"github.com/IBM/sarama"
	watermillkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// marshaler makes Kafka records of Watermill messages. The key is the metadata's aggregate-id; without one there is none, and a
// partition is picked at random. The headers are the metadata: first those of relaying.Headers in their order, then the rest by
// name, then Watermill's message id. The version of a message has no value. A map's random order never reaches the wire.
type marshaler struct {
	first []string // names of relaying.Headers
}

var _ watermillkafka.Marshaler = marshaler{}

func newMarshaler() marshaler {
	var m marshaler
	for _, h := range relaying.Headers(&eventlog.Record{}) {
		m.first = append(m.first, h.Name)
	}
	return m
}

// Marshal returns msg as a record for topic. Metadata under the header name of Watermill's message id gives an error.
func (m marshaler) Marshal(topic string, msg *message.Message) (*sarama.ProducerMessage, error) {
	if _, taken := msg.Metadata[watermillkafka.UUIDHeaderKey]; taken {
		return nil, errReserved
	}
	if w, ok := relaying.ParseWire(msg.Metadata[relaying.MetadataWire], msg.Payload); ok {
		return wireMessage(topic, w), nil
	}
	record := &sarama.ProducerMessage{
		Topic:   topic,
		Value:   sarama.ByteEncoder(msg.Payload),
		Headers: make([]sarama.RecordHeader, 0, len(msg.Metadata)+1),
	}
	if key, ok := msg.Metadata[relaying.HeaderAggregateID]; ok {
		record.Key = sarama.StringEncoder(key)
	}
	add := func(name, value string) {
		record.Headers = append(record.Headers, sarama.RecordHeader{Key: []byte(name), Value: []byte(value)})
	}
	for _, name := range m.first {
		switch value, ok := msg.Metadata[name]; {
		case ok && relaying.Header{Name: name, Value: value}.Null():
			record.Headers = append(record.Headers, sarama.RecordHeader{Key: []byte(name)})
		case ok:
			add(name, value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(msg.Metadata)) {
		if !slices.Contains(m.first, name) {
			add(name, msg.Metadata[name])
		}
	}
	add(watermillkafka.UUIDHeaderKey, msg.UUID)
	return record, nil
}

// wireMessage is a record that is published as it came.
func wireMessage(topic string, w relaying.Wire) *sarama.ProducerMessage {
	record := &sarama.ProducerMessage{Topic: topic, Headers: make([]sarama.RecordHeader, len(w.Headers))}
	if w.Key != nil {
		record.Key = sarama.ByteEncoder(w.Key)
	}
	if w.Value != nil {
		record.Value = sarama.ByteEncoder(w.Value)
	}
	for i, h := range w.Headers {
		record.Headers[i] = sarama.RecordHeader{Key: []byte(h.Name), Value: []byte(h.Value)}
	}
	return record
}
