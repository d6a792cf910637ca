package codec

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/tenon-go/tenon/domain"
)

// JSON is the default codec: encoding/json over the registered types. A field that the present type doesn't have is
// passed over at decode, so that a newer writer doesn't stop an older reader of the same schema version. An older
// schema version is brought to the present one by the steps of [Upcast].
type JSON struct {
	Types *Types
}

var _ Codec = JSON{}

// Encode returns e as JSON.
func (JSON) Encode(_ context.Context, m Meta, e domain.Event) ([]byte, error) {
	payload, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode %s %s: %w", m.Type, m.ID, err)
	}
	return payload, nil
}

// Decode returns the event registered under m.Type.
func (c JSON) Decode(_ context.Context, m Meta, payload []byte) (domain.Event, error) {
	et, ok := c.Types.byName[m.Type]
	if !ok {
		return nil, fmt.Errorf("decode event %s: %w: %q", m.ID, ErrUnknownType, m.Type)
	}
	if m.SchemaVersion > et.schema {
		return nil, fmt.Errorf("decode event %s: %w: %s has schema version %d, this program knows up to %d",
			m.ID, ErrMalformed, m.Type, m.SchemaVersion, et.schema)
	}
	payload, err := c.Types.upcast(et, m.SchemaVersion, payload)
	if err != nil {
		return nil, fmt.Errorf("decode event %s: %w: %s: %w", m.ID, ErrMalformed, m.Type, err)
	}
	e, err := et.decode(payload)
	if err != nil {
		return nil, fmt.Errorf("decode event %s: %w: %s: %w", m.ID, ErrMalformed, m.Type, err)
	}
	return e, nil
}
