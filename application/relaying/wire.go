package relaying

import (
	"encoding/json"
	"fmt"
	"maps"
	"unicode/utf8"

	"github.com/tenon-go/tenon/application/eventlog"
)

// MetadataWire is the name in a record's metadata, and in a Watermill message's, under which a [Wire] travels.
const MetadataWire = "tenon.wire"

// HeaderMessageID is the header by which Watermill's Kafka marshaler tells a message's id; metadata can't hold it.
const HeaderMessageID = "_watermill_message_uuid"

// Wire is a record of a topic that is published as it is, to the byte, in place of what the columns would make: a copy of
// one that came from elsewhere, such as a dead letter. What doesn't know it, such as a connector that reads the log's table,
// sees the columns: the usual headers, and the value as a JSON string in base64 where it isn't JSON itself.
type Wire struct {
	Key     []byte // nil: none
	Value   []byte // nil: none
	Headers []Header
}

// storedWire is a Wire as JSON, bytes in base64.
type storedWire struct {
	Key     []byte      `json:"key"`
	Value   []byte      `json:"value"`         // where the payload isn't it
	Own     bool        `json:"own,omitempty"` // whether Value counts
	Headers [][2][]byte `json:"headers"`
}

// Put makes r a record that is published as w: its payload and metadata.
func (w Wire) Put(r *eventlog.Record) error {
	s := storedWire{Key: w.Key, Headers: make([][2][]byte, 0, len(w.Headers))}
	for _, h := range w.Headers {
		s.Headers = append(s.Headers, [2][]byte{[]byte(h.Name), []byte(h.Value)})
	}
	r.Payload = w.Value
	if !storable(w.Value) {
		s.Own, s.Value = true, w.Value
		text, err := json.Marshal(w.Value)
		if err != nil {
			return fmt.Errorf("encode value: %w", err)
		}
		r.Payload = text
	}
	text, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode record: %w", err)
	}
	if r.Metadata = maps.Clone(r.Metadata); r.Metadata == nil {
		r.Metadata = make(map[string]string, 1)
	}
	r.Metadata[MetadataWire] = string(text)
	return nil
}

// deepest bounds the nesting of JSON that is stored as JSON: every database can read it.
const deepest = 500

// storable reports whether a value can be a payload of the log.
func storable(value []byte) bool {
	if !utf8.Valid(value) || !json.Valid(value) {
		return false
	}
	depth, quoted := 0, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > deepest {
				return false
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return true
}

// WireOf returns the record that r is published as, and whether it is one of its own.
func WireOf(r *eventlog.Record) (Wire, bool) {
	if len(r.Metadata) == 0 {
		return Wire{}, false
	}
	return ParseWire(r.Metadata[MetadataWire], r.Payload)
}

// ParseWire reads what stands under [MetadataWire] beside a payload. Anything else gives false.
func ParseWire(text string, payload []byte) (Wire, bool) {
	var s storedWire
	if text == "" || json.Unmarshal([]byte(text), &s) != nil {
		return Wire{}, false
	}
	w := Wire{Key: s.Key, Value: payload}
	if s.Own {
		w.Value = s.Value
	}
	for _, h := range s.Headers {
		w.Headers = append(w.Headers, Header{Name: string(h[0]), Value: string(h[1])})
	}
	return w, true
}

// MessageMetadata returns what a Watermill message of r carries: the headers by name. Of a [Wire] these are the ones that
// are text, the last of each name, and all of it under [MetadataWire], for a marshaler that knows it.
func MessageMetadata(r *eventlog.Record) map[string]string {
	headers := Headers(r)
	w, ok := WireOf(r)
	if ok {
		headers = w.Headers
	}
	metadata := make(map[string]string, len(headers)+1)
	for _, h := range headers {
		if h.Name != HeaderMessageID && (!ok || utf8.ValidString(h.Name) && utf8.ValidString(h.Value)) {
			metadata[h.Name] = h.Value
		}
	}
	if ok {
		metadata[MetadataWire] = r.Metadata[MetadataWire]
	}
	return metadata
}
