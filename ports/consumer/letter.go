package consumer

import (
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
)

// letterSuffix follows a topic's name in that of its dead letters.
const letterSuffix = ".DLT"

// letter returns the copy of a record of the log as a row of the log: a message of the same key, type and payload for the
// dead-letter topic, caused by the original. What happened is in its metadata.
func letter(d *projection.Delivery, handler string, cause error) eventlog.Record {
	now := time.Now().UTC().Truncate(time.Microsecond)
	r := eventlog.Record{
		ID: uuid.Must(uuid.NewV7()), Topic: d.Partition.Topic + letterSuffix, AggregateID: d.Record.AggregateID, Type: d.Record.Type,
		SchemaVersion: max(d.Record.SchemaVersion, 1), Payload: d.Value,
		CorrelationID: d.Record.CorrelationID, CausationID: d.Record.ID.String(), Traceparent: d.Record.Traceparent, RecordedAt: now,
		Metadata: map[string]string{
			"error": storable(cause.Error()), "original-topic": d.Partition.Topic, "failed-at": now.Format(time.RFC3339), "handler": handler,
		},
	}
	if !json.Valid(r.Payload) {
		r.Payload = []byte("null")
	}
	return r
}

// maxError bounds the text of an error that is kept with a letter, in bytes.
const maxError = 4000

// storable makes a text that the log takes of any.
func storable(text string) string {
	clean := make([]rune, 0, min(len(text), maxError))
	for _, c := range text {
		if c == 0 || c == utf8.RuneError {
			c = '?'
		}
		if clean = append(clean, c); len(clean) == maxError {
			break
		}
	}
	return string(clean)
}
