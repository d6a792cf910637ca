package application

import "context"

// Metadata says in whose name and in which flow of work something happens. A port puts it into the context; the unit of
// work writes it beside every event, the relay into headers.
type Metadata struct {
	CorrelationID string            // the same for all that follows from one request; made up when empty
	CausationID   string            // id of the message that is being handled; empty for a request from outside
	Traceparent   string            // W3C trace context
	Actor         string            // who asks
	Extra         map[string]string // what users add; not changed after it was put into a context
}

type metadataKey struct{}

// WithMetadata returns a context that carries md in place of what ctx carried.
func WithMetadata(ctx context.Context, md Metadata) context.Context {
	return context.WithValue(ctx, metadataKey{}, md)
}

// MetadataFrom returns what ctx carries, the zero Metadata when it carries none.
func MetadataFrom(ctx context.Context) Metadata {
	md, _ := ctx.Value(metadataKey{}).(Metadata)
	return md
}
