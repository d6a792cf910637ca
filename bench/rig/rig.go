// Package rig holds the servers that competitors run against: one PostgreSQL, from which every round gets a database of its own
// ([Rig.Database]), and one Kafka broker, on which every round makes its topics anew ([Rig.Topic]).
//
// PostgreSQL is the embedded one with its default durability, its data in memory where there is enough of it. The broker is
// kfake in a process of its own, so that its work isn't the measured program's garbage; or a real Kafka that runs already.
// Both share the machine's cores with the measured program, for all competitors alike.
package rig

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	_ "github.com/lib/pq" // the driver
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/adapters/embedded"
)

// Rig is the running servers. Safe for concurrent use.
type Rig struct {
	dir      string
	postgres *embedded.Postgres
	pool     *sql.DB // of database postgres
	broker   *broker // nil: the brokers were given
	brokers  []string
	client   *kgo.Client
	admin    *kadm.Client

	databases atomic.Int64
	mu        sync.Mutex
	templates map[string]bool
}

// Start starts PostgreSQL and, when brokers is empty, a broker process: a program that calls it begins with [ServeBroker]. On
// an error nothing is left running.
func Start(ctx context.Context, brokers []string) (_ *Rig, err error) {
	r := &Rig{brokers: brokers, templates: make(map[string]bool)}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start the servers: %w", err), r.Stop())
		}
	}()
	if r.dir, err = os.MkdirTemp(base(), "tenon-bench-"); err != nil {
		return nil, err
	}
	if err := os.Chmod(r.dir, 0o755); err != nil { //nolint:gosec // the server may run as another user
		return nil, err
	}
	if r.postgres, err = embedded.StartPostgres(ctx, embedded.PostgresConfig{DataDir: r.dir, Parameters: parameters()}); err != nil {
		return nil, err
	}
	if r.pool, err = sql.Open("postgres", r.postgres.URLFor("postgres")); err != nil {
		return nil, err
	}
	if len(brokers) == 0 {
		if r.broker, err = startBroker(ctx); err != nil {
			return nil, err
		}
		r.brokers = []string{r.broker.addr}
	}
	if r.client, err = kgo.NewClient(kgo.SeedBrokers(r.brokers...)); err != nil {
		return nil, err
	}
	r.admin = kadm.NewClient(r.client)
	return r, r.client.Ping(ctx)
}

// parameters are what differs from PostgreSQL's defaults: room for 64 clients and no checkpoint in the middle of a round.
func parameters() map[string]string {
	return map[string]string{"max_connections": "200", "shared_buffers": "512MB", "max_wal_size": "4GB", "checkpoint_timeout": "30min"}
}

// base is the file system in memory if there is one, else the usual one.
func base() string {
	const shm = "/dev/shm"
	if info, err := os.Stat(shm); err == nil && info.IsDir() {
		return shm
	}
	return os.TempDir()
}

// Brokers returns the addresses of the brokers.
func (r *Rig) Brokers() []string { return r.brokers }

// Facts says which servers these are.
func (r *Rig) Facts(ctx context.Context) (map[string]string, error) {
	var version string
	if err := r.pool.QueryRowContext(ctx, `SHOW server_version`).Scan(&version); err != nil {
		return nil, err
	}
	broker := "kfake (franz-go's, in memory), in a process of its own on the same machine"
	if r.broker == nil {
		broker = "Kafka that ran already"
	}
	return map[string]string{
		"PostgreSQL": fmt.Sprintf("%s, data in %s, fsync on, %v", version, filepath.Dir(r.dir), parameters()),
		"Broker":     broker,
	}, nil
}

// Stop ends the servers and removes their data. Twice is fine.
func (r *Rig) Stop() error {
	var errs []error
	if r.client != nil {
		r.client.Close()
		r.client = nil
	}
	if r.pool != nil {
		errs = append(errs, r.pool.Close())
		r.pool = nil
	}
	if r.postgres != nil {
		errs = append(errs, r.postgres.Stop())
		r.postgres = nil
	}
	if r.broker != nil {
		errs = append(errs, r.broker.stop())
		r.broker = nil
	}
	return errors.Join(append(errs, os.RemoveAll(r.dir))...)
}
