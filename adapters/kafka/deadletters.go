package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/projection"
)

// Headers of a dead letter, after all those of the original: three as text, then what Spring's tools read, the numbers big-endian.
const (
	HeaderError         = "error"
	HeaderOriginalTopic = "original-topic"
	HeaderFailedAt      = "failed-at" // RFC 3339, UTC

	HeaderSpringTopic     = "kafka_dlt-original-topic"
	HeaderSpringPartition = "kafka_dlt-original-partition" // int32
	HeaderSpringOffset    = "kafka_dlt-original-offset"    // int64
	HeaderSpringGroup     = "kafka_dlt-original-consumer-group"
	HeaderSpringMessage   = "kafka_dlt-exception-message"
	HeaderSpringStack     = "kafka_dlt-exception-stacktrace" // after a panic only
)

// deadLetterTimeout bounds one attempt to publish a copy.
const deadLetterTimeout = 10 * time.Second

// DeadLettersConfig says whose dead letters they are.
type DeadLettersConfig struct {
	Group string // consumer group, named in a header; empty: not named
}

// DeadLetters copies what can't be applied to {topic}.DLT: the original's key, value and headers, and headers that say what
// happened. The topic is made when it is missing. Safe for concurrent use.
type DeadLetters struct {
	cfg   Config
	group string
	admin *Admin
	cl    *kgo.Client

	mu    sync.Mutex
	known map[string]bool // topics that exist
}

var _ projection.DeadLetters = (*DeadLetters)(nil)

// NewDeadLetters returns dead letters that connect when there is one. Close them.
func NewDeadLetters(cfg Config, letters DeadLettersConfig) (*DeadLetters, error) {
	cfg, err := cfg.checked()
	if err != nil {
		return nil, err
	}
	admin, err := NewAdmin(cfg)
	if err != nil {
		return nil, err
	}
	cl, err := cfg.client(
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordDeliveryTimeout(deadLetterTimeout),
		kgo.AllowIdempotentProduceCancellation(), // else an attempt could outlast its context by any time; a copy too many is harmless
		kgo.ProducerBatchMaxBytes(deadLetterMaxBytes),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
	)
	if err != nil {
		admin.Close()
		return nil, err
	}
	return &DeadLetters{cfg: cfg, group: letters.Group, admin: admin, cl: cl, known: make(map[string]bool)}, nil
}

// Close ends the connections. Twice is fine.
func (d *DeadLetters) Close() {
	d.cl.Close()
	d.admin.Close()
}

// deadLetterMaxBytes leaves room for what a copy has more than an original that was just small enough.
const deadLetterMaxBytes = 16 << 20

// Publish returns nil when all in-sync replicas have the copy. An error wraps eventlog.ErrUnavailable when brokers don't answer.
func (d *DeadLetters) Publish(ctx context.Context, failed projection.Delivery, cause error) error {
	ctx, cancel := context.WithTimeout(ctx, 2*deadLetterTimeout)
	defer cancel()
	topic := failed.Partition.Topic + ".DLT"
	if err := d.ensure(ctx, topic); err != nil {
		return err
	}
	err := d.cl.ProduceSync(ctx, d.record(topic, failed, cause)).FirstErr()
	if err == nil {
		return nil
	}
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		d.forget(topic)
	}
	return fmt.Errorf("publish to %s: %w", topic, unavailable(ctx, err))
}

// ensure creates the topic once.
func (d *DeadLetters) ensure(ctx context.Context, topic string) error {
	d.mu.Lock()
	known := d.known[topic]
	d.mu.Unlock()
	if known {
		return nil
	}
	spec := TopicSpec{Name: topic, Configs: map[string]string{"max.message.bytes": fmt.Sprint(deadLetterMaxBytes)}}
	if err := d.admin.EnsureTopics(ctx, spec); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known[topic] = true
	return nil
}

func (d *DeadLetters) forget(topic string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.known, topic)
}

func (d *DeadLetters) record(topic string, failed projection.Delivery, cause error) *kgo.Record {
	r := &kgo.Record{Topic: topic, Key: failed.Key, Value: failed.Value}
	add := func(name string, value []byte) {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: name, Value: value})
	}
	for _, h := range failed.Headers {
		add(h.Name, []byte(h.Value))
	}
	p := failed.Partition
	add(HeaderError, []byte(cause.Error()))
	add(HeaderOriginalTopic, []byte(p.Topic))
	add(HeaderFailedAt, []byte(d.cfg.Now().UTC().Format(time.RFC3339)))
	add(HeaderSpringTopic, []byte(p.Topic))
	add(HeaderSpringPartition, binary.BigEndian.AppendUint32(nil, uint32(p.Number)))   //nolint:gosec // the same bits
	add(HeaderSpringOffset, binary.BigEndian.AppendUint64(nil, uint64(failed.Offset))) //nolint:gosec // the same bits
	if d.group != "" {
		add(HeaderSpringGroup, []byte(d.group))
	}
	add(HeaderSpringMessage, []byte(cause.Error()))
	if panicked, ok := errors.AsType[*projection.PanicError](cause); ok {
		add(HeaderSpringStack, panicked.Stack)
	}
	return r
}
