package postgres

import (
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// packed makes two values of a row, with the number of a parameter between: one text with all but the payload, and the
// payload. The driver and database/sql handle each column of each row by itself, which costs more than what is in it. The
// parameter separates the parts of the text, which [unpacker] takes in this order.
const (
	packedHead = `concat_ws(`
	packedTail = `::text, position, encode(timestamptz_send(recorded_at), 'hex'), version, schema_version, event_id, topic, aggregate_type,
    aggregate_id, event_type, correlation_id, causation_id, traceparent, actor, metadata), payload`
)

// packedParts is how many parts the text has.
const packedParts = 14

// separator is one byte, so that it is found fast; nobody should have it in an id.
const separator = "\x1f"

// errSeparator says that the separator is in a column's text.
var errSeparator = errors.New("the separator of packed columns is in one of them")

// separated runs read with a separator, and once more with one that nobody can know if the first is in a column's text.
func separated[T any](read func(separator string) (T, error)) (T, error) {
	result, err := read(separator)
	if errors.Is(err, errSeparator) {
		return read(uuid.NewString())
	}
	return result, err
}

// payloadChunk is how many bytes are allocated at once for small payloads: those of a page share memory.
const payloadChunk = 32 << 10

// unpacker reads packed rows. Not safe for concurrent use.
type unpacker struct {
	separator string
	dest      []any
	text      string
	payload   sql.RawBytes
	chunk     []byte
}

// newUnpacker is for rows with as many other columns in front as before has places for.
func newUnpacker(separator string, before ...any) *unpacker {
	u := &unpacker{separator: separator}
	u.dest = append(append(u.dest, before...), &u.text, &u.payload)
	return u
}

// scan reads a row. The record's texts share memory.
func (u *unpacker) scan(row scanner, r *eventlog.Record) error {
	if err := row.Scan(u.dest...); err != nil {
		return fmt.Errorf("read a record: %w", err)
	}
	if strings.Count(u.text, u.separator) != packedParts-1 {
		return errSeparator
	}
	p := parts{u.text, u.separator, nil}
	r.Position = p.number(64)
	r.RecordedAt = p.timestamp()
	r.Version = domain.Version(p.number(64))
	r.SchemaVersion = int(p.number(32))
	r.ID = p.uuid()
	r.Topic, r.AggregateType, r.AggregateID, r.Type = p.next(), p.next(), p.next(), p.next()
	r.CorrelationID, r.CausationID, r.Traceparent, r.Actor = p.next(), p.next(), p.next(), p.next()
	if p.err != nil {
		return fmt.Errorf("read record %d: %w", r.Position, p.err)
	}
	r.Payload = u.keep(u.payload)
	if p.rest == "{}" {
		return nil
	}
	if err := json.Unmarshal([]byte(p.rest), &r.Metadata); err != nil {
		return fmt.Errorf("metadata of event %s: %w", r.ID, err)
	}
	return nil
}

// keep copies a payload, whose memory is the driver's.
func (u *unpacker) keep(b []byte) []byte {
	if len(b) > payloadChunk/4 {
		return append(make([]byte, 0, len(b)), b...)
	}
	if len(b) > cap(u.chunk)-len(u.chunk) {
		u.chunk = make([]byte, 0, payloadChunk)
	}
	from := len(u.chunk)
	u.chunk = append(u.chunk, b...)
	return u.chunk[from:len(u.chunk):len(u.chunk)]
}

// parts takes a text apart and keeps the first error.
type parts struct {
	rest, separator string
	err             error
}

func (p *parts) next() string {
	part, rest, _ := strings.Cut(p.rest, p.separator)
	p.rest = rest
	return part
}

func (p *parts) number(bits int) int64 {
	n, err := strconv.ParseInt(p.next(), 10, bits)
	p.note(err)
	return n
}

func (p *parts) uuid() uuid.UUID {
	id, err := uuid.Parse(p.next())
	p.note(err)
	return id
}

// serverEpoch is where the server counts microseconds from: 2000-01-01.
const serverEpoch = 946_684_800_000_000

// timestamp takes the server's own form, which no setting of the session changes.
func (p *parts) timestamp() time.Time {
	var b [8]byte
	text := p.next()
	if n, err := hex.Decode(b[:], []byte(text[:min(len(text), 16)])); err != nil || n != len(b) {
		p.note(fmt.Errorf("timestamp %q isn't 8 bytes in hexadecimal", text))
	}
	return time.UnixMicro(serverEpoch + int64(binary.BigEndian.Uint64(b[:]))).UTC() //nolint:gosec // it is signed
}

func (p *parts) note(err error) {
	if p.err == nil {
		p.err = err
	}
}
