// Package postgres keeps the log, the contexts' state and the projections' checkpoints in PostgreSQL, by sqlx and
// lib/pq.
//
// [Open] returns a [DB], which is the eventlog.Store, Reader and Streams and the projection.Checkpoints. [Migrate]
// makes the schemas. A context's adapter finds its handle in a transaction with [SQL], reads with [DB.Querier] and
// returns errors through [Wrap]; its statements are prepared once per connection without its doing.
//
// The log is read by the difference of two snapshots: see [Cursor]. It works on the primary only.
package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/tenon-go/tenon/application/eventlog"
)

// Config says which database to use and how. Only URL is required.
type Config struct {
	// URL is postgres://user:password@host:port/database?sslmode=disable, with the parameters that lib/pq knows.
	URL string
	// MaxConns bounds the connections, which are kept when idle. Default 16.
	MaxConns int
	// AppName is shown in pg_stat_activity. Default: the URL's application_name, else "tenon".
	AppName string
	// Signal is raised after each commit that appended to the log. Default: one of the DB's own, see DB.Signal.
	Signal *eventlog.Signal
	// Logger receives what WaitReady waits for and which migrations ran. Default: none.
	Logger *slog.Logger
}

const (
	defaultMaxConns = 16
	idleTime        = 5 * time.Minute
)

// DB is a pool of connections to one database, and the log in it. Safe for concurrent use.
type DB struct {
	pool   *sqlx.DB
	place  string // host:port/database, for messages
	signal *eventlog.Signal
	logger *slog.Logger

	wakeURL string // of Wake's connection, which is none of the pool; holds the password
	group   group  // of units that only append

	identity atomic.Pointer[uuid.UUID] // of the log, once it was read
}

// Open checks cfg and returns a DB that connects when it is used: a server that is down is no error here, see
// [DB.WaitReady]. The error names the setting, never the password. Close the DB at the end.
func Open(_ context.Context, cfg Config) (*DB, error) {
	pqConfig, place, err := cfg.parse()
	if err != nil {
		return nil, fmt.Errorf("open PostgreSQL: %w", err)
	}
	c, err := newConnector(pqConfig)
	if err != nil {
		return nil, fmt.Errorf("open PostgreSQL: %w", err)
	}
	db := &DB{
		pool: sqlx.NewDb(sql.OpenDB(c), "postgres"), place: place, signal: cfg.Signal, logger: cfg.Logger,
		wakeURL: wakeURL(cfg.URL, pqConfig.ApplicationName),
	}
	if db.signal == nil {
		db.signal = new(eventlog.Signal)
	}
	if db.logger == nil {
		db.logger = slog.New(slog.DiscardHandler)
	}
	db.group.open(db)
	maxConns := cfg.MaxConns
	if maxConns == 0 {
		maxConns = defaultMaxConns
	}
	db.pool.SetMaxOpenConns(maxConns)
	db.pool.SetMaxIdleConns(maxConns)
	db.pool.SetConnMaxIdleTime(idleTime)
	return db, nil
}

// Close fails the units that AppendUnit has queued, waits for what is in flight and ends the connections. A second call does nothing.
func (db *DB) Close() error {
	db.group.close()
	return db.pool.Close()
}

// Pool returns the connections for use outside this package's contracts: single statements, other libraries. What
// writes to the log must go through [DB.Begin].
func (db *DB) Pool() *sqlx.DB { return db.pool }

// Signal returns what is raised after each commit that appended to the log.
func (db *DB) Signal() *eventlog.Signal { return db.signal }
