package relaying

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// Names of the record headers that carry an event's columns. The key is the aggregate id, the value the payload.
const (
	HeaderEventID       = "event-id"
	HeaderEventType     = "event-type"
	HeaderSchemaVersion = "schema-version"
	HeaderAggregateType = "aggregate-type"
	HeaderAggregateID   = "aggregate-id"
	HeaderVersion       = "version"
	HeaderPosition      = "position"
	HeaderCorrelationID = "correlation-id"
	HeaderCausationID   = "causation-id"
	HeaderTraceparent   = "traceparent"
)

// ErrHeaders says that a record's headers aren't those of an event: it didn't come from a relay, or was damaged.
var ErrHeaders = errors.New("headers are not those of an event")

// Header is one record header. Names aren't unique on Kafka; the relay writes each once.
type Header struct {
	Name  string
	Value string
}

// Null reports whether Kafka gets the header without a value, which isn't the same as an empty one: the version of a message,
// whose column is NULL. A connector that reads the log's table can't write it in another way.
func (h Header) Null() bool { return h.Name == HeaderVersion && h.Value == "" }

// Headers returns r's headers in the order in which every relay writes them. Columns that are empty become empty
// headers, so that the set is always the same; the version of a message is one that is [Header.Null].
func Headers(r *eventlog.Record) []Header { return AppendHeaders(nil, r) }

// AppendHeaders appends [Headers] to headers, for callers that have many records and use the memory again.
func AppendHeaders(headers []Header, r *eventlog.Record) []Header {
	version := ""
	if !r.IsMessage() {
		version = r.Version.String()
	}
	return append(headers, []Header{
		{HeaderEventID, r.ID.String()},
		{HeaderEventType, r.Type},
		{HeaderSchemaVersion, strconv.Itoa(r.SchemaVersion)},
		{HeaderAggregateType, r.AggregateType},
		{HeaderAggregateID, r.AggregateID},
		{HeaderVersion, version},
		{HeaderPosition, strconv.FormatInt(r.Position, 10)},
		{HeaderCorrelationID, r.CorrelationID},
		{HeaderCausationID, r.CausationID},
		{HeaderTraceparent, r.Traceparent},
	}...)
}

// Last returns the value of the last header of that name, "" if there is none.
func Last(headers []Header, name string) string {
	for _, h := range slices.Backward(headers) {
		if h.Name == name {
			return h.Value
		}
	}
	return ""
}

// Parse returns the record that the headers describe; the last one of a name counts. Topic, Payload, Metadata, Actor and
// RecordedAt aren't in headers. event-id and event-type must be there, or the error wraps [ErrHeaders]; a schema version
// that is absent is 1, numbers that are absent are 0.
func Parse(headers []Header) (eventlog.Record, error) {
	var f fields
	for i := range headers {
		f.set(&headers[i])
	}
	return f.record()
}

// fields are the headers' values that a record isn't made of as they are, and the record of the others.
type fields struct {
	id, schema, version, position string
	rest                          eventlog.Record
}

func (f *fields) set(h *Header) {
	switch h.Name {
	case HeaderEventID:
		f.id = h.Value
	case HeaderEventType:
		f.rest.Type = h.Value
	case HeaderSchemaVersion:
		f.schema = h.Value
	case HeaderAggregateType:
		f.rest.AggregateType = h.Value
	case HeaderAggregateID:
		f.rest.AggregateID = h.Value
	case HeaderVersion:
		f.version = h.Value
	case HeaderPosition:
		f.position = h.Value
	case HeaderCorrelationID:
		f.rest.CorrelationID = h.Value
	case HeaderCausationID:
		f.rest.CausationID = h.Value
	case HeaderTraceparent:
		f.rest.Traceparent = h.Value
	}
}

func (f *fields) record() (eventlog.Record, error) {
	r := f.rest
	var errs []error
	id, err := uuid.Parse(f.id)
	if err != nil {
		errs = append(errs, fmt.Errorf("%s %q: %w", HeaderEventID, f.id, err))
	}
	r.ID = id
	if r.Type == "" {
		errs = append(errs, fmt.Errorf("%s is missing", HeaderEventType))
	}
	number := func(name, text string, otherwise int64) int64 {
		if text == "" {
			return otherwise
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			errs = append(errs, fmt.Errorf("%s %q is not a number from 0", name, text))
		}
		return n
	}
	r.SchemaVersion = int(number(HeaderSchemaVersion, f.schema, 1))
	r.Version = domain.Version(number(HeaderVersion, f.version, 0))
	r.Position = number(HeaderPosition, f.position, 0)
	if len(errs) > 0 {
		return eventlog.Record{}, fmt.Errorf("%w: %w", ErrHeaders, errors.Join(errs...))
	}
	return r, nil
}
