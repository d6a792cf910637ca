package embeddedtest

import (
	"context"
	"errors"
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded"
	"github.com/tenon-go/tenon/adapters/embedded/internal/rundir"
)

// ServerOption changes the configuration of a server before it starts.
type ServerOption func(*embedded.PostgresConfig)

// Parameter sets a server setting, such as wal_level.
func Parameter(name, value string) ServerOption {
	return func(cfg *embedded.PostgresConfig) { cfg.Parameters[name] = value }
}

// Server starts a PostgreSQL of the test's own, for tests that kill or restart it, and stops it when
// the test ends. Its URL names an empty database.
func Server(t testing.TB, opts ...ServerOption) *embedded.Postgres {
	t.Helper()
	ctx, cancel := startContext()
	defer cancel()
	// A killed server may leave half of a page written: the full pages in its log repair that.
	opts = append([]ServerOption{Parameter("full_page_writes", "on")}, opts...)
	server, dir, err := startServer(ctx, opts...)
	if err != nil {
		t.Fatalf("start a PostgreSQL for the test: %v", err)
	}
	t.Cleanup(func() {
		if err := errors.Join(server.Stop(), dir.Remove()); err != nil {
			t.Errorf("stop the test's PostgreSQL: %v", err)
		}
	})
	return server
}

// startServer starts a server in a run directory.
func startServer(ctx context.Context, opts ...ServerOption) (*embedded.Postgres, *rundir.Dir, error) {
	dir, err := rundir.New(ctx)
	if err != nil {
		return nil, nil, err
	}
	cfg := embedded.PostgresConfig{DataDir: dir.Path(), Volatile: true, Parameters: frugal()}
	for _, opt := range opts {
		opt(&cfg)
	}
	server, err := embedded.StartPostgres(ctx, cfg)
	if err != nil {
		return nil, nil, errors.Join(err, dir.Remove())
	}
	return server, dir, nil
}

// frugal are settings that keep a runaway test from filling the machine's memory, where the files are.
func frugal() map[string]string {
	return map[string]string{
		"temp_file_limit":        "1GB",
		"max_wal_size":           "256MB",
		"max_slot_wal_keep_size": "512MB",
	}
}
