// Package codec turns events into the bytes that are stored and published, and back. [Types] holds the explicit names
// and schema versions; [JSON] is the codec in use unless a context brings its own (encryption, upcasting). Go type
// names never reach the wire.
package codec

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/domain"
)

// ErrUnknownType says that no event is registered under a name, or under a Go type. A reader may pass such an event by.
var ErrUnknownType = errors.New("unknown event type")

// ErrMalformed says that the bytes don't decode into the registered type, or that their schema version is newer than
// the program knows.
var ErrMalformed = errors.New("malformed event")

// Meta is what a codec is told about an event besides its value.
type Meta struct {
	ID            uuid.UUID
	Type          string // "order.created"
	SchemaVersion int    // from 1
	AggregateType string
	AggregateID   string
}

// Codec encodes and decodes events. Implementations are safe for concurrent use.
type Codec interface {
	// Encode returns valid JSON: the log stores and publishes those bytes unchanged.
	Encode(ctx context.Context, m Meta, e domain.Event) ([]byte, error)
	// Decode returns the event as the value type it was registered with. Errors wrap ErrUnknownType or ErrMalformed
	// when trying again is of no use.
	Decode(ctx context.Context, m Meta, payload []byte) (domain.Event, error)
}
