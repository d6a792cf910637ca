package tenon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/reading"
	"github.com/tenon-go/tenon/ports/httpport"
)

// wired is the object graph of a running program. Nothing in it has connected to anything when it is made.
type wired struct {
	db          *postgres.DB
	admin       *kafka.Admin // nil without brokers
	server      *httpport.Server
	gate        *gate
	relay       *loop // nil without RoleRelay
	projections []*loop
	handlers    []*loop
	topics      []string // that projections and handlers read

	models  *reading.Models
	metrics *prometheus.Registry
	closers []func() error
}

func (w *wired) close() error {
	var errs []error
	for _, c := range slices.Backward(w.closers) {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// wire builds the graph: server, contexts, mediator, then what talks to Kafka.
func (a *App) wire(db *postgres.DB, brokers []string) (_ *wired, err error) {
	w := newWired(db)
	w.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.server, err = a.newServer(w); err != nil {
		return nil, err
	}
	w.closers = append(w.closers, w.server.Close)
	api := w.server.API()
	if !a.has(RoleAPI) {
		// The contexts wire their routes all the same, onto a server that never listens.
		spare, err := a.newServer(&wired{db: db, gate: w.gate, metrics: prometheus.NewRegistry()})
		if err != nil {
			return nil, err
		}
		api = spare.API()
	}
	api.UseMiddleware(w.gate.middleware(api))
	b := w.newBuilder(a.log)
	b.Use(application.Validation)
	declared, err := a.wireContexts(b, w, api)
	if err != nil {
		return nil, err
	}
	if _, err := b.Build(); err != nil {
		return nil, err
	}
	if a.has(RoleHandlers) {
		if err := a.wireSubscribed(w, b.Codec(), declared.subscribed); err != nil {
			return nil, err
		}
	}
	var cfg kafka.Config
	if len(brokers) > 0 {
		if cfg, err = a.wireKafka(w, b, brokers, declared); err != nil {
			return nil, err
		}
	}
	if a.has(RoleProjections) {
		return w, a.wireProjections(w, b, cfg, declared.projections)
	}
	return w, nil
}

func newWired(db *postgres.DB) *wired {
	return &wired{db: db, gate: newGate(), models: reading.NewModels(db), metrics: prometheus.NewRegistry()}
}

// newBuilder returns what the contexts build their parts with.
func (w *wired) newBuilder(log *slog.Logger) *application.Builder {
	return application.NewBuilder(application.Config{Store: w.db, Models: w.models, Logger: log})
}

// declared is what the contexts ask for that runs in the background.
type declared struct {
	handlers

	projections []projection.Projection
}

// wireContexts lets every context build its parts and returns what they declare.
func (a *App) wireContexts(b *application.Builder, wd *wired, api huma.API) (declared, error) {
	var all declared
	var errs []error
	for _, c := range a.contexts {
		w := &Wiring{Builder: b, DB: wd.db, API: api, Metrics: wd.metrics, Logger: a.log.With("context", c.Name), values: a.cfg.values}
		if err := c.Wire(w); err != nil {
			errs = append(errs, fmt.Errorf("context %s: %w", c.Name, err))
		}
		all.projections = append(all.projections, w.projections...)
		all.consumed = append(all.consumed, w.handlers.consumed...)
		all.subscribed = append(all.subscribed, w.handlers.subscribed...)
	}
	errs = append(errs, all.check())
	for i, p := range all.projections {
		for _, o := range all.projections[:i] {
			if o.Name == p.Name && o.Version == p.Version {
				errs = append(errs, fmt.Errorf("two projections are named %q and of version %d", p.Name, p.Version))
			}
		}
		wd.models.Add(p)
		if a.cfg.Projections == sourceLog {
			errs = append(errs, b.CheckLogReader(p))
		} else {
			errs = append(errs, b.CheckReader(p))
		}
	}
	return all, errors.Join(errs...)
}

func (a *App) newServer(w *wired) (*httpport.Server, error) {
	checks := []httpport.Check{
		{Name: "start", Run: w.gate.check},
		{Name: "postgres", Run: w.db.Ping},
	}
	if a.needKafka() {
		checks = append(checks, httpport.Check{Name: "kafka", Run: func(ctx context.Context) error { return w.admin.Check(ctx) }})
	}
	if a.has(RoleRelay) {
		checks = append(checks, httpport.Check{Name: "relay", Run: func(context.Context) error { return w.relay.check() }})
	}
	if a.has(RoleProjections) {
		checks = append(checks, httpport.Check{Name: "projections", Run: func(context.Context) error { return checkAll(w.projections) }})
	}
	if a.has(RoleHandlers) {
		checks = append(checks, httpport.Check{Name: "handlers", Run: func(context.Context) error { return checkAll(w.handlers) }})
	}
	return httpport.New(httpport.Config{
		Addr: a.cfg.HTTPAddr, Logger: a.log, Checks: checks, Title: "Tenon", Version: version().number,
		Metrics: w.metrics, StopTimeout: a.cfg.ShutdownTimeout, ReadWait: a.cfg.ReadWait,
	})
}

func checkAll(loops []*loop) error {
	var errs []error
	for _, l := range loops {
		errs = append(errs, l.check())
	}
	return errors.Join(errs...)
}

// loop is something that runs in the background until it is told to stop.
type loop struct {
	name   string
	run    func(context.Context) error
	health func() error
	ended  chan error // holds what ended it although it wasn't told to stop
}

func newLoop(name string, run func(context.Context) error, health func() error) *loop {
	return &loop{name: name, run: run, health: health, ended: make(chan error, 1)}
}

// do runs the loop. One that can't go on without a person stays down, which its check tells; the rest of the program
// goes on.
func (l *loop) do(ctx context.Context, log *slog.Logger) {
	err := l.run(ctx)
	if ctx.Err() != nil && err == nil {
		return
	}
	if err == nil {
		err = errors.New("ended without being told to")
	}
	log.Error("stopped and needs somebody's attention", "loop", l.name, "error", err)
	l.ended <- err
}

func (l *loop) check() error {
	select {
	case err := <-l.ended:
		l.ended <- err
		return fmt.Errorf("%s is down: %w", l.name, err)
	default:
		if err := l.health(); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		return nil
	}
}
