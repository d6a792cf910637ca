// Package embedded runs PostgreSQL and a Kafka broker for development and tests, so that nothing has
// to be installed or configured first.
//
// [StartPostgres] runs a real server from the binaries it finds on the machine, as a child process
// that ends with this one. [StartKafka] runs franz-go's in-process broker, which speaks the real
// protocol. Both listen on 127.0.0.1 only, keep their data and ports between runs, and survive a
// kill -9 of this process. [Lock] keeps a second process away from a data directory. Databases and
// brokers for tests are in package embeddedtest.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
)

const (
	loopback        = "127.0.0.1"
	superuser       = "tenon"
	maxPortAttempts = 10
)

// PostgresConfig says how to run the embedded PostgreSQL. Only DataDir is required.
type PostgresConfig struct {
	// DataDir receives postgres/ (the cluster), postgres.log and postgres.json (port and password).
	// A process of root runs the server under another user; where that user cannot enter DataDir,
	// the cluster is in /var/tmp and postgres.json says where.
	DataDir string
	// Port on 127.0.0.1. 0: the one used last if it is free, else any free one.
	Port int
	// Database that URL names; made at the first start. Default "tenon".
	Database string
	// BinDir holds the server's programs (initdb, postgres). Default: the newest that fit the cluster.
	BinDir string
	// Repository is the base URL of a Maven repository to fetch the programs from when none are installed and Maven isn't
	// either. Empty: none.
	Repository string
	// Volatile gives up surviving a power cut for speed; a crash of the server still loses nothing.
	Volatile bool
	// Parameters are server settings by name, such as max_connections.
	Parameters map[string]string
	// Logger receives what is worth knowing about start and stop. Default: none.
	Logger *slog.Logger
}

// Postgres is a server that was started. Its methods may be called from any goroutine.
type Postgres struct {
	cfg      PostgresConfig
	programs programs
	place    place
	kept     settings
	dataLock *DirLock

	mu     sync.Mutex // one Stop, Kill or Restart at a time
	server *server
}

// StartPostgres starts a server on cfg.DataDir and returns when it accepts connections; ctx bounds the
// start only. The first start makes the cluster. A server that a killed process left behind on the
// directory is stopped first; its data stays. A port that is taken gives *[PortError], a directory in
// use *[LockedError], an operating system without embedded PostgreSQL [ErrUnsupported].
func StartPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	p := &Postgres{cfg: cfg}
	if err := p.open(ctx); err != nil {
		return nil, fmt.Errorf("start embedded PostgreSQL: %w", err)
	}
	err := p.prepare(ctx)
	if err == nil {
		err = p.launch(ctx)
	}
	if err == nil {
		err = p.createDatabase(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("start embedded PostgreSQL: %w", errors.Join(err, p.Stop()))
	}
	return p, nil
}

// open checks the configuration and takes possession of the place of the cluster.
func (p *Postgres) open(ctx context.Context) error {
	if !supported {
		return ErrUnsupported
	}
	if err := errors.Join(ctx.Err(), p.cfg.check()); err != nil {
		return err
	}
	p.cfg.setDefaults()
	dir, err := makeDir(p.cfg.DataDir)
	if err != nil {
		return err
	}
	p.cfg.DataDir = dir
	if p.kept, err = readSettings(p.settingsPath()); err != nil {
		return err
	}
	if p.place, err = findPlace(dir, p.kept.Data); err != nil {
		return err
	}
	p.dataLock, err = lockFile(p.place.dir, "postgres.lock")
	return err
}

// URL returns the connection URL of the configured database, for lib/pq and others. It holds the password.
func (p *Postgres) URL() string { return p.URLFor(p.cfg.Database) }

// URLFor returns the connection URL of another database of the server; it need not exist yet.
func (p *Postgres) URLFor(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, p.kept.Password),
		Host:     net.JoinHostPort(loopback, strconv.Itoa(p.kept.Port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

func (p *Postgres) settingsPath() string { return filepath.Join(p.cfg.DataDir, "postgres.json") }

func (p *Postgres) logPath() string { return filepath.Join(p.cfg.DataDir, "postgres.log") }
