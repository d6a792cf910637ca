package httpport

import (
	"context"
	"log/slog"

	"github.com/tenon-go/tenon/application"
)

// correlationKey is the attribute that log lines carry the correlation id in.
const correlationKey = "correlation_id"

// Correlate returns a log handler that adds the context's correlation id to every line that has none yet. A handler that does
// so already is returned as it is.
func Correlate(h slog.Handler) slog.Handler {
	if c, ok := h.(*correlated); ok {
		return c
	}
	return &correlated{Handler: h}
}

// correlated adds the correlation id to what passes through it.
type correlated struct {
	slog.Handler
	named bool // an attribute of this logger has it
}

var _ slog.Handler = (*correlated)(nil)

// Handle passes r on, with the correlation id of ctx.
func (c *correlated) Handle(ctx context.Context, r slog.Record) error {
	id := application.MetadataFrom(ctx).CorrelationID
	named := c.named || id == ""
	if !named {
		r.Attrs(func(a slog.Attr) bool {
			named = a.Key == correlationKey
			return !named
		})
	}
	if !named {
		r = r.Clone()
		r.AddAttrs(slog.String(correlationKey, id))
	}
	return c.Handler.Handle(ctx, r)
}

// WithAttrs returns a handler whose lines have attrs.
func (c *correlated) WithAttrs(attrs []slog.Attr) slog.Handler {
	named := c.named
	for _, a := range attrs {
		named = named || a.Key == correlationKey
	}
	return &correlated{Handler: c.Handler.WithAttrs(attrs), named: named}
}

// WithGroup returns a handler whose lines have the rest in a group.
func (c *correlated) WithGroup(name string) slog.Handler {
	return &correlated{Handler: c.Handler.WithGroup(name), named: c.named}
}
