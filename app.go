package tenon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"

	"github.com/tenon-go/tenon/adapters/postgres"
)

// App is the program: contexts over one log. [New] makes one, [App.Run] runs it once.
type App struct {
	cfg      Config
	contexts []Context
	out      io.Writer
	log      *slog.Logger

	ready     chan struct{}
	endpoints Endpoints
}

// New returns the program that cfg describes. Logs go to streams.Err, the few lines that say what listens where to
// streams.Out. The error names contexts that can't run together.
func New(cfg Config, streams Streams, contexts ...Context) (*App, error) {
	seen := make(map[string]bool)
	var errs []error
	for _, c := range contexts {
		if c.Name == "" || c.Wire == nil || seen[c.Name] || (c.Schema == "") != (c.Migrations == nil) {
			errs = append(errs, fmt.Errorf("context %q: want a name of its own, Wire, and Schema and Migrations together", c.Name))
		}
		seen[c.Name] = true
	}
	a := &App{cfg: cfg, contexts: contexts, out: streams.Out, log: newLogger(cfg, streams.Err), ready: make(chan struct{})}
	return a, errors.Join(errs...)
}

// Ready is closed when everything that Run starts has started. It stays open when Run fails before.
func (a *App) Ready() <-chan struct{} { return a.ready }

// Endpoints says where the program listens. Call it after [App.Ready] is closed.
func (a *App) Endpoints() Endpoints { return a.endpoints }

func (a *App) has(r Role) bool { return slices.Contains(a.cfg.Roles, r) }

func (a *App) needKafka() bool {
	return a.has(RoleRelay) || a.has(RoleHandlers) || a.has(RoleProjections) && a.cfg.Projections == sourceKafka
}

// Run starts servers, schemas, API, relay, projections and handlers, runs them until ctx ends and stops them in the reverse
// order: intake first, then what is in hand, then the servers. It returns nil after a clean stop. A port in use, a
// wrong setting or servers that can't be reached within StartupTimeout end it with an error that says so.
func (a *App) Run(ctx context.Context) (err error) {
	needKafka := a.needKafka()
	servers, err := startServers(ctx, a.cfg, a.log, needKafka)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, servers.stop()) }()
	db, err := postgres.Open(ctx, postgres.Config{URL: servers.databaseURL, MaxConns: a.cfg.DatabaseConns, Logger: a.log})
	if err != nil {
		return fmt.Errorf("TENON_DATABASE_URL: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if !needKafka {
		servers.brokers = nil
	}
	w, err := a.wire(db, servers.brokers)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.server.Listen(); err != nil {
		return err
	}
	a.endpoints = Endpoints{HTTPAddr: w.server.Addr(), DatabaseURL: servers.databaseURL, KafkaBrokers: servers.brokers}
	return a.serve(ctx, w, servers)
}

// serve runs everything over what is wired. The API answers from the beginning, "starting" until the schemas are there.
func (a *App) serve(ctx context.Context, w *wired, s *servers) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// Each stage has a context of its own, so that they can be stopped one after the other.
	api, loops := newStage(ctx), newStage(ctx)
	var served error
	api.run(func(stage context.Context) {
		if served = w.server.Serve(stage); served != nil {
			cancel(served)
		}
	})
	loops.run(func(ctx context.Context) { s.watch(ctx, a.log) })
	err := a.start(ctx, w, s, loops)
	if err == nil {
		<-ctx.Done()
	} else if ctx.Err() != nil {
		err = nil // told to stop while starting
	}
	a.log.Info("stopping", "timeout", a.cfg.ShutdownTimeout)
	api.stop()
	loops.stop()
	return errors.Join(err, served)
}
