package postgres

import (
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/relaying"
)

// Bounds of what is kept about a failure, in bytes.
const (
	longestError = 8 << 10
	longestStack = 32 << 10
)

// parkedColumnsOf returns events by column, in the order of parkEventsSQL behind the keys.
func parkedColumnsOf(events []deadletter.Event) ([]any, error) {
	var offsets, attempts pq.Int64Array
	var types, headers, reasons, errs, stacks, parked pq.StringArray
	var ids, keys, texts, raws, first, last []sql.NullString
	for i := range events {
		e := &events[i]
		h, err := headersJSON(e.Headers)
		if err != nil {
			return nil, fmt.Errorf("headers of event at offset %d: %w", e.Offset, err)
		}
		text, raw := payloadColumns(e.Payload)
		offsets, attempts, headers = append(offsets, e.Offset), append(attempts, int64(e.Attempts)), append(headers, h)
		types, reasons = append(types, deadletter.Text(e.Type, longestError)), append(reasons, string(e.Reason))
		errs = append(errs, deadletter.Text(e.Error, longestError))
		stacks, parked = append(stacks, deadletter.Text(e.Stack, longestStack)), append(parked, e.ParkedAt.UTC().Format(timestampForm))
		ids, keys = append(ids, nullUUID(e.EventID)), append(keys, nullBytes(e.RecordKey))
		texts, raws = append(texts, text), append(raws, raw)
		first, last = append(first, nullTime(e.FirstFailed)), append(last, nullTime(e.At))
	}
	return []any{
		offsets, pq.Array(ids), types, pq.Array(keys), headers, pq.Array(texts), pq.Array(raws), reasons, errs, stacks, attempts, parked,
		pq.Array(first), pq.Array(last),
	}, nil
}

// payloadColumns returns a payload as text where it is text, else as bytea's input.
func payloadColumns(payload []byte) (text, raw sql.NullString) {
	if payload != nil && deadletter.IsText(payload) {
		return sql.NullString{String: string(payload), Valid: true}, raw
	}
	return text, nullBytes(payload)
}

func nullBytes(b []byte) sql.NullString {
	return sql.NullString{String: `\x` + hex.EncodeToString(b), Valid: b != nil}
}

func nullUUID(id uuid.UUID) sql.NullString {
	return sql.NullString{String: id.String(), Valid: id != uuid.Nil}
}

func nullTime(t time.Time) sql.NullString {
	return sql.NullString{String: t.UTC().Format(timestampForm), Valid: !t.IsZero()}
}

// storedHeader is a header as JSON: text, or both in base64.
type storedHeader struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Base64 bool   `json:"base64,omitempty"`
}

func headersJSON(headers []relaying.Header) (string, error) {
	stored := make([]storedHeader, len(headers))
	for i, h := range headers {
		stored[i] = storedHeader{Name: h.Name, Value: h.Value}
		if !deadletter.IsText([]byte(h.Name)) || !deadletter.IsText([]byte(h.Value)) {
			encode := base64.StdEncoding.EncodeToString
			stored[i] = storedHeader{Name: encode([]byte(h.Name)), Value: encode([]byte(h.Value)), Base64: true}
		}
	}
	text, err := json.Marshal(stored)
	return string(text), err
}

func headersOf(text []byte) ([]relaying.Header, error) {
	var stored []storedHeader
	if err := json.Unmarshal(text, &stored); err != nil {
		return nil, err
	}
	var headers []relaying.Header
	for _, h := range stored {
		if h.Base64 {
			name, err := base64.StdEncoding.DecodeString(h.Name)
			if err != nil {
				return nil, err
			}
			value, err := base64.StdEncoding.DecodeString(h.Value)
			if err != nil {
				return nil, err
			}
			h.Name, h.Value = string(name), string(value)
		}
		headers = append(headers, relaying.Header{Name: h.Name, Value: h.Value})
	}
	return headers, nil
}

// parkedEvent is a row of tenon.parked_events with its sequence's key.
type parkedEvent struct {
	parkedKey

	ID          int64          `db:"id"`
	Offset      int64          `db:"record_offset"`
	EventID     uuid.NullUUID  `db:"event_id"`
	Type        string         `db:"event_type"`
	RecordKey   []byte         `db:"record_key"`
	Headers     []byte         `db:"headers"`
	Text        sql.NullString `db:"payload_text"`
	Bytes       []byte         `db:"payload_bytes"`
	EditedText  sql.NullString `db:"edited_text"`
	EditedBytes []byte         `db:"edited_bytes"`
	Reason      string         `db:"reason"`
	Error       string         `db:"error"`
	Stack       string         `db:"stack"`
	Attempts    int            `db:"attempts"`
	ParkedAt    time.Time      `db:"parked_at"`
	FirstFailed sql.NullTime   `db:"first_failed_at"`
	LastFailed  sql.NullTime   `db:"last_failed_at"`
}

const eventColumns = `s.projection, s.version, s.topic, s.partition, s.aggregate_type, s.aggregate_id, e.id, e.record_offset, e.event_id,
    e.event_type, e.record_key, e.headers, e.payload_text, e.payload_bytes, e.edited_text, e.edited_bytes, e.reason, e.error, e.stack,
    e.attempts, e.parked_at, e.first_failed_at, e.last_failed_at`

func (r *parkedEvent) event() (deadletter.Event, error) {
	headers, err := headersOf(r.Headers)
	if err != nil {
		return deadletter.Event{}, fmt.Errorf("headers of parked event %d: %w", r.ID, err)
	}
	return deadletter.Event{
		ID: r.ID, Key: r.key(), Offset: r.Offset, RecordKey: r.RecordKey, Headers: headers,
		Payload: payloadOf(r.Text, r.Bytes), Edited: payloadOf(r.EditedText, r.EditedBytes), EventID: r.EventID.UUID, Type: r.Type,
		Failure:  deadletter.Failure{Reason: deadletter.Reason(r.Reason), Error: r.Error, Stack: r.Stack, At: utc(r.LastFailed)},
		ParkedAt: r.ParkedAt.UTC(), FirstFailed: utc(r.FirstFailed), Attempts: r.Attempts,
	}, nil
}

func eventsOf(rows []parkedEvent) ([]deadletter.Event, error) {
	events := make([]deadletter.Event, len(rows))
	for i := range rows {
		var err error
		if events[i], err = rows[i].event(); err != nil {
			return nil, err
		}
	}
	return events, nil
}

func payloadOf(text sql.NullString, raw []byte) []byte {
	if text.Valid {
		return []byte(text.String)
	}
	return raw
}
