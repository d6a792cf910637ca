package projection

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// Bounds of what a copy's headers say, in bytes.
const (
	longestCause = 4 << 10
	longestTrace = 16 << 10
)

// now is the time as the database keeps it.
func (r *Runner) now() time.Time { return r.cfg.Now().UTC().Truncate(time.Microsecond) }

// letter is the copy of an event that is parked: a message of the log, which a relay carries to the dead-letter topic. It
// commits with what it tells of, so that it is neither lost nor doubled.
func (r *Runner) letter(p Partition, e *deadletter.Event) (eventlog.Record, error) {
	headers := slices.Clone(e.Headers)
	add := func(name, value string) { headers = append(headers, relaying.Header{Name: name, Value: value}) }
	cause := deadletter.Text(e.Error, longestCause)
	add(deadletter.HeaderError, cause)
	add(deadletter.HeaderOriginalTopic, p.Topic)
	add(deadletter.HeaderFailedAt, e.ParkedAt.Format(time.RFC3339))
	add(deadletter.HeaderSpringTopic, p.Topic)
	add(deadletter.HeaderSpringPartition, string(binary.BigEndian.AppendUint32(nil, uint32(p.Number)))) //nolint:gosec // the same bits
	add(deadletter.HeaderSpringOffset, string(binary.BigEndian.AppendUint64(nil, uint64(e.Offset))))    //nolint:gosec // the same bits
	if r.cfg.Group != "" {
		add(deadletter.HeaderSpringGroup, r.cfg.Group)
	}
	add(deadletter.HeaderSpringMessage, cause)
	if e.Stack != "" {
		add(deadletter.HeaderSpringStack, deadletter.Text(e.Stack, longestTrace))
	}
	record := eventlog.Record{
		ID: newID(), Topic: p.Topic[:min(len(p.Topic), 249-len(deadletter.TopicSuffix))] + deadletter.TopicSuffix,
		AggregateID: deadletter.Text(e.Key.AggregateID, 100), Type: deadletter.Text(e.Type, 200), SchemaVersion: 1,
		Actor: "", RecordedAt: e.ParkedAt,
	}
	if record.Type == "" {
		record.Type = "dead-letter"
	}
	err := relaying.Wire{Key: e.RecordKey, Value: e.Payload, Headers: headers}.Put(&record)
	return record, err
}
