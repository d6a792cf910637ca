package consumer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/consuming"
	"github.com/tenon-go/tenon/application/eventlog"
)

// ErrPoison marks an error that trying again can't help: the message is a dead letter at once. Undecodable messages have it.
var ErrPoison = errors.New("can't ever be handled")

// Handler is a handler of one topic's messages. Give it Handle, or event types by [On]. It is declared while wiring and then
// read only; its functions are called from several goroutines at once, for one partition from one at a time.
type Handler struct {
	Name  string // names group, inbox rows and metrics, 1 to 90 characters; never changes
	Topic string // what it reads

	// Handle handles every message, in Watermill's own form; the transaction is in its context: consuming.TxFrom, or
	// postgres.ConsumerTx as sqlx.Tx. Watermill settles the message by the error: neither Ack nor Nack is called here. Nil
	// where On says what is handled.
	Handle message.NoPublishHandlerFunc

	types map[string]typed
	err   error
}

// typed handles a message of one event type.
type typed func(ctx context.Context, c codec.Codec, tx eventlog.Tx, r eventlog.Record) error

// On adds the handler of one event type. f writes through tx; the event's id, version, correlation and so on are at [Received].
// An event that this program has registered as E is decoded by its codec, any other one is JSON that is read into E, the
// reader's own struct. Events of other types are passed by. A type given twice is reported by [Router.Add].
func On[E any](h *Handler, eventType string, f func(ctx context.Context, tx eventlog.Tx, e E) error) {
	if h.types == nil {
		h.types = make(map[string]typed)
	}
	if _, taken := h.types[eventType]; taken || eventType == "" || f == nil {
		h.err = errors.Join(h.err, fmt.Errorf("event type %q: want a name, given once, and a function", eventType))
	}
	h.types[eventType] = func(ctx context.Context, c codec.Codec, tx eventlog.Tx, r eventlog.Record) error {
		e, err := decode[E](ctx, c, r)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrPoison, err)
		}
		return f(ctx, tx, e)
	}
}

func decode[E any](ctx context.Context, c codec.Codec, r eventlog.Record) (E, error) {
	var e E
	if c != nil {
		decoded, err := c.Decode(ctx, codec.Meta{
			ID: r.ID, Type: r.Type, SchemaVersion: r.SchemaVersion, AggregateType: r.AggregateType, AggregateID: r.AggregateID,
		}, r.Payload)
		known, ok := decoded.(E)
		switch {
		case ok && err == nil:
			return known, nil
		case err != nil && !errors.Is(err, codec.ErrUnknownType):
			return e, err
		}
	}
	if err := json.Unmarshal(r.Payload, &e); err != nil {
		return e, fmt.Errorf("decode event %s: %w: %s: %w", r.ID, codec.ErrMalformed, r.Type, err)
	}
	return e, nil
}

type receivedKey struct{}

// Received returns the record of the event that an [On] handler was given ctx for; the zero Record elsewhere.
func Received(ctx context.Context) eventlog.Record {
	r, _ := ctx.Value(receivedKey{}).(eventlog.Record)
	return r
}

// wants reports whether the message is the handler's to handle. A record that no relay wrote is, so that it is seen: it
// becomes a dead letter of a handler of types.
func (h *Handler) wants(m *message.Message) bool {
	if h.Handle != nil {
		return true
	}
	r, err := consuming.Record(m)
	_, ok := h.types[r.Type]
	return ok || err != nil
}

// call runs the user's function.
func (h *Handler) call(m *message.Message, c codec.Codec) error {
	if h.Handle != nil {
		return h.Handle(m)
	}
	r, err := consuming.Record(m)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPoison, err)
	}
	ctx := context.WithValue(m.Context(), receivedKey{}, r)
	return h.types[r.Type](ctx, c, consuming.TxFrom(ctx), r)
}

const maxName = 90

func (h *Handler) check() error {
	errs := []error{h.err}
	if n := len([]rune(h.Name)); n < 1 || n > maxName {
		errs = append(errs, fmt.Errorf("Name %q: want 1 to %d characters", h.Name, maxName))
	}
	if (h.Handle == nil) == (len(h.types) == 0) {
		errs = append(errs, errors.New("want either Handle or event types given by On"))
	}
	return errors.Join(errs...)
}
