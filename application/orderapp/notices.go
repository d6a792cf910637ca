package orderapp

import (
	"context"

	"github.com/tenon-go/tenon/application"
)

// Counter counts committed events by type, for metrics. Safe for concurrent use.
type Counter interface {
	Count(eventType string)
}

// noCounter counts nothing.
type noCounter struct{}

var _ Counter = noCounter{}

// Count does nothing.
func (noCounter) Count(string) {}

// noted returns the handler that logs and counts committed events of type E. It runs after the commit, in this process
// only: nothing may depend on it.
func noted[E any](h Handlers, eventType string) func(context.Context, application.Recorded[E]) error {
	return func(ctx context.Context, e application.Recorded[E]) error {
		h.cfg.Counter.Count(eventType)
		h.cfg.Logger.InfoContext(ctx, eventType, "order_id", e.AggregateID, "version", int64(e.Version),
			"event_id", e.ID, "correlation_id", e.CorrelationID)
		return nil
	}
}
