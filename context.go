package tenon

import (
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/ports/consumer"
)

// Context is a bounded context as the kernel takes it. A program lists its contexts in main and hands them to [Main];
// nothing registers itself.
type Context struct {
	Name       string    // "order"
	Schema     string    // database schema of its own, "orders"; empty when it has no tables
	Migrations fs.FS     // goose SQL files of that schema, at the root
	Settings   []Setting // what can be set from outside

	// Try returns one command line to try on a running program, given its base URL; nil for none.
	Try func(baseURL string) string

	// Wire builds the context's parts on w and registers them: aggregates, events and handlers with w.Builder, read
	// models with w.Project, routes with w.API. It only wires: the database may not be read yet.
	Wire func(w *Wiring) error
}

// Wiring is what a context builds on. One for each context, valid until Wire returns; what it holds may be kept.
type Wiring struct {
	Builder *application.Builder  // of the mediator that all contexts share
	DB      *postgres.DB          // the log, and the pool for the context's own tables
	API     huma.API              // where routes go; served by processes with RoleAPI
	Metrics prometheus.Registerer // names begin with tenon_ and the context's
	Logger  *slog.Logger

	values      map[string]value
	projections []projection.Projection
	handlers    handlers
}

// Project adds a read model, fed from Kafka by processes with [RoleProjections].
func (w *Wiring) Project(p projection.Projection) { w.projections = append(w.projections, p) }

// Consume adds a message handler, fed from its topic by processes with [RoleHandlers]. Its effects commit with the message's
// id: once per message, also when it comes again.
func (w *Wiring) Consume(h consumer.Handler) { w.handlers.consumed = append(w.handlers.consumed, h) }

// Subscribe adds a durable in-process handler, fed from the log itself, without Kafka, by processes with [RoleHandlers]. Its
// effects commit with its place in the log: once per record. It begins at the beginning of the log.
func (w *Wiring) Subscribe(h consumer.Handler) {
	w.handlers.subscribed = append(w.handlers.subscribed, h)
}

// Setting returns the value in force of one of the context's settings. It panics for a name that the context doesn't
// declare.
func (w *Wiring) Setting(name string) string {
	v, ok := w.values[name]
	if !ok {
		panic(fmt.Sprintf("tenon: setting %s is not declared by any context", name))
	}
	return v.text
}
