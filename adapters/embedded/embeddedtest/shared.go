package embeddedtest

import (
	"database/sql"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/tenon-go/tenon/adapters/embedded"
	"github.com/tenon-go/tenon/adapters/embedded/internal/rundir"
)

// shared is this test binary's server. It is the package's one variable: the testing package gives tests
// no other place for what they have in common.
var shared sharedDatabases

type sharedDatabases struct {
	mu   sync.Mutex
	once *databases
	err  error
}

// databases hands out databases on one server.
type databases struct {
	server  *embedded.Postgres
	dir     *rundir.Dir
	admin   *sql.DB
	version int // server_version_num
	count   atomic.Int64

	mu        sync.Mutex
	templates map[string]*template
}

type template struct {
	sync.Once
	name string
	err  error
}

// get returns the server and starts it at the first call. A failed start is not tried again.
func (s *sharedDatabases) get() (*databases, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.once == nil && s.err == nil {
		s.once, s.err = startDatabases()
	}
	return s.once, s.err
}

func startDatabases() (*databases, error) {
	ctx, cancel := startContext()
	defer cancel()
	server, dir, err := startServer(ctx, func(cfg *embedded.PostgresConfig) {
		cfg.Parameters["max_connections"] = "200"
	})
	if err != nil {
		return nil, err
	}
	d := &databases{server: server, dir: dir, templates: map[string]*template{}}
	if d.admin, d.version, err = openAdmin(ctx, server.URLFor("postgres")); err != nil {
		_ = server.Stop()
		return nil, err
	}
	return d, nil
}

// stop ends the server if it was started. The tests are over: what goes wrong is only reported.
func (s *sharedDatabases) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.once == nil {
		return
	}
	d := s.once
	s.once = nil
	for _, step := range []func() error{d.admin.Close, d.server.Stop, d.dir.Remove} {
		if err := step(); err != nil {
			fmt.Fprintln(os.Stderr, "stop the PostgreSQL shared by the tests:", err)
		}
	}
}
