package memory

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/relaying"
)

// topic returns the topic of that name, made if need be. The caller holds the mutex.
func (b *Broker) topic(name string) *topic {
	t := b.topics[name]
	if t == nil {
		t = &topic{id: uuid.New(), partitions: make([][]projection.Delivery, b.partitions)}
		b.topics[name] = t
	}
	return t
}

// append puts the messages on their partitions. The caller holds the mutex.
func (b *Broker) append(messages []Message) {
	for i := range messages {
		m := &messages[i]
		t := b.topic(m.Topic)
		n := partitionOf(m.Key, len(t.partitions))
		p := projection.Partition{Topic: m.Topic, ID: t.id, Number: n}
		t.partitions[n] = append(t.partitions[n], delivery(m, p, int64(len(t.partitions[n]))))
	}
	b.changed.Raise()
}

// delivery is a message as its readers get it. What they share they must not change, which Kafka's readers can't either.
func delivery(m *Message, p projection.Partition, offset int64) projection.Delivery {
	d := projection.Delivery{
		Partition: p, Offset: offset, Key: []byte(m.Key), Value: bytes.Clone(m.Value), Headers: slices.Clone(m.Headers),
	}
	d.Record, d.Err = relaying.Parse(d.Headers)
	if d.Err == nil {
		d.Record.Topic, d.Record.Payload = m.Topic, d.Value
	}
	return d
}

// fetch returns up to limit records from the offset. A partition of a topic that was deleted has none.
func (b *Broker) fetch(ctx context.Context, p projection.Partition, offset int64, limit int) ([]projection.Delivery, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.ready(ctx); err != nil {
		return nil, err
	}
	t := b.topics[p.Topic]
	if t == nil || t.id != p.ID {
		return nil, nil
	}
	records := t.partitions[p.Number]
	offset = min(offset, int64(len(records)))
	return slices.Clone(records[offset:min(offset+int64(limit), int64(len(records)))]), nil
}

// partitionOf returns the partition where Kafka's default partitioner puts the key.
func partitionOf(key string, partitions int) int32 {
	return int32(murmur2([]byte(key))&0x7fffffff) % int32(partitions) //nolint:gosec // both fit by then
}

// murmur2 is the hash of Kafka's partitioner: MurmurHash2, 32 bits, by Austin Appleby, with Kafka's seed.
func murmur2(data []byte) uint32 {
	const m, r = 0x5bd1e995, 24
	h := uint32(0x9747b28c) ^ uint32(len(data)) //nolint:gosec // as the algorithm has it
	for ; len(data) >= 4; data = data[4:] {
		k := binary.LittleEndian.Uint32(data) * m
		h = h*m ^ (k^k>>r)*m
	}
	for i, c := range slices.Backward(data) {
		h ^= uint32(c) << (8 * i)
		if i == 0 {
			h *= m
		}
	}
	h = (h ^ h>>13) * m
	return h ^ h>>15
}
