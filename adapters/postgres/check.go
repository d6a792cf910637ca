package postgres

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
)

// check returns what keeps r from being stored: an error that names the record, with the transaction still usable. The table
// itself only refuses what no reader would find; its CHECKs cost more than the rows.
func check(r *eventlog.Record) error {
	if r.ID == (uuid.UUID{}) {
		return errors.New("event id is missing")
	}
	if r.Version < 0 || r.SchemaVersion < 1 || r.SchemaVersion > math.MaxInt32 {
		return fmt.Errorf("version %d, schema version %d: want 0 or more, and 1 or more", r.Version, r.SchemaVersion)
	}
	least := 1 // an aggregate's event names its aggregate
	if r.IsMessage() {
		least = 0
	}
	for _, c := range [...]struct {
		name, value string
		least, most int
	}{
		{"topic", r.Topic, 1, 249}, // Kafka's limit
		{"event type", r.Type, 1, 200},
		{"aggregate type", r.AggregateType, least, 100},
		{"aggregate id", r.AggregateID, least, 100},
		{"correlation id", r.CorrelationID, 0, 200},
		{"causation id", r.CausationID, 0, 200},
		{"traceparent", r.Traceparent, 0, 100},
		{"actor", r.Actor, 0, 200},
	} {
		if err := checkText(c.name, c.value, c.least, c.most); err != nil {
			return err
		}
	}
	for name, value := range r.Metadata {
		if !isText(name) || !isText(value) {
			return fmt.Errorf("metadata %q: want UTF-8 without NUL", name)
		}
	}
	return checkPayload(r.Payload)
}

func checkText(name, value string, least, most int) error {
	if !isText(value) {
		return fmt.Errorf("%s %q: want UTF-8 without NUL", name, value)
	}
	if len(value) < least {
		return fmt.Errorf("%s is missing", name)
	}
	if len(value) > most { // cheaper than counting, and seldom true
		if n := utf8.RuneCountInString(value); n > most {
			return fmt.Errorf("%s has %d characters: want %d or fewer", name, n, most)
		}
	}
	return nil
}

func isText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// checkPayload asks for UTF-8 too, which encoding/json doesn't and PostgreSQL does.
func checkPayload(payload []byte) error {
	if !utf8.Valid(payload) {
		return errors.New("payload isn't UTF-8")
	}
	if json.Valid(payload) {
		return nil
	}
	var value json.RawMessage
	return fmt.Errorf("payload isn't JSON: %w", json.Unmarshal(payload, &value))
}
