package deadletter

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// Bounds of what a copy's headers say, and of a topic's name, in bytes.
const (
	longestCause = 4 << 10
	longestTrace = 16 << 10
	longestTopic = 249
)

// Letter is what becomes the copy of a record that couldn't be applied or handled.
type Letter struct {
	Topic     string // of the original
	Partition int32
	Offset    int64
	Key       []byte
	Value     []byte
	Headers   []relaying.Header
	Group     string // the reader, as Kafka's tools know it; may be empty

	AggregateID string // of the row; the copy's key is the original's
	Type        string // event type, if it is known
	Error       string
	Stack       string // after a panic only
	At          time.Time
}

// Record returns the copy as a message of the log, which a relay carries to the dead-letter topic: key, value and headers to the
// byte, then headers of what happened. It commits with what it tells of, so that it is neither lost nor doubled.
func (l *Letter) Record() (eventlog.Record, error) {
	headers := slices.Clone(l.Headers)
	add := func(name, value string) { headers = append(headers, relaying.Header{Name: name, Value: value}) }
	cause := Text(l.Error, longestCause)
	add(HeaderError, cause)
	add(HeaderOriginalTopic, l.Topic)
	add(HeaderFailedAt, l.At.UTC().Format(time.RFC3339))
	add(HeaderSpringTopic, l.Topic)
	add(HeaderSpringPartition, string(binary.BigEndian.AppendUint32(nil, uint32(l.Partition)))) //nolint:gosec // the same bits
	add(HeaderSpringOffset, string(binary.BigEndian.AppendUint64(nil, uint64(l.Offset))))       //nolint:gosec // the same bits
	if l.Group != "" {
		add(HeaderSpringGroup, l.Group)
	}
	add(HeaderSpringMessage, cause)
	if l.Stack != "" {
		add(HeaderSpringStack, Text(l.Stack, longestTrace))
	}
	record := eventlog.Record{
		ID: uuid.Must(uuid.NewV7()), Topic: l.Topic[:min(len(l.Topic), longestTopic-len(TopicSuffix))] + TopicSuffix,
		AggregateID: Text(l.AggregateID, 100), Type: Text(l.Type, 200), SchemaVersion: 1, RecordedAt: l.At,
		Metadata: map[string]string{HeaderError: cause, HeaderOriginalTopic: l.Topic, "reader": l.Group}, // for who looks at the log
	}
	if record.Type == "" {
		record.Type = "dead-letter"
	}
	err := relaying.Wire{Key: l.Key, Value: l.Value, Headers: headers}.Put(&record)
	return record, err
}
