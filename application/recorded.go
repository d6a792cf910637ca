package application

import (
	"context"
	"reflect"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// Recorded is an event with what its unit of work knows of it: what [Before] handlers are given before the commit and
// [On] handlers after it.
type Recorded[E any] struct {
	Event         E
	ID            uuid.UUID
	AggregateType string
	AggregateID   string
	Version       domain.Version
	CorrelationID string
	CausationID   string
	RecordedAt    time.Time
}

func (Recorded[E]) eventType() reflect.Type { return reflect.TypeFor[E]() }

// publisher returns the function that tells a happened event to the listeners of Recorded[E].
func (Recorded[E]) publisher(m *Mediator) func(context.Context, happened) error {
	return func(ctx context.Context, h happened) error { return Publish(ctx, m, recordedFrom[E](h)) }
}

// eventNotification is implemented by Recorded alone: how On recognises that a notification is an event.
type eventNotification interface {
	eventType() reflect.Type
	publisher(m *Mediator) func(context.Context, happened) error
}

// happened is an event in a unit of work, on its way to the log.
type happened struct {
	event  domain.Event
	record eventlog.Record
}

func recordedFrom[E any](h happened) Recorded[E] {
	r := h.record
	return Recorded[E]{
		Event: h.event.(E), ID: r.ID, //nolint:errcheck,forcetypeassert // looked up by the event's type
		AggregateType: r.AggregateType, AggregateID: r.AggregateID, Version: r.Version,
		CorrelationID: r.CorrelationID, CausationID: r.CausationID, RecordedAt: r.RecordedAt,
	}
}
