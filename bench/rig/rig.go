// Package rig holds the servers that competitors run against: one PostgreSQL, from which every round gets a database of its own
// ([Rig.Database]), and one Kafka broker, on which every round makes its topics anew ([Rig.Topic]).
//
// PostgreSQL is the embedded one with its default durability, its data on the disk unless [Config] says otherwise. The broker is
// kfake in a process of its own, so that its work isn't the measured program's garbage; or an Apache Kafka.
// Both share the machine's cores with the measured program, for all competitors alike.
package rig

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	_ "github.com/lib/pq" // the driver
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/adapters/embedded"
	"github.com/tenon-go/tenon/adapters/embedded/kafkatest"
)

// Rig is the running servers. Safe for concurrent use.
type Rig struct {
	dir      string
	postgres *embedded.Postgres
	pool     *sql.DB      // of database postgres
	broker   *broker      // nil: Apache Kafka
	endKafka func() error // nil: somebody else's
	brokers  []string
	client   *kgo.Client
	admin    *kadm.Client

	databases atomic.Int64
	mu        sync.Mutex
	templates map[string]bool
}

// Config says which servers. The zero value is kfake and data in the directory for temporary files.
type Config struct {
	Data    string   // directory in which PostgreSQL's data is made; empty: the one for temporary files
	Kafka   bool     // start an Apache Kafka of one broker; needs Java and, the first time, Maven
	Brokers []string // or take one that runs already
}

// Start starts the servers. A program that calls it begins with [ServeBroker]. On an error nothing is left running.
func Start(ctx context.Context, cfg Config) (_ *Rig, err error) {
	r := &Rig{brokers: cfg.Brokers, templates: make(map[string]bool)}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start the servers: %w", err), r.Stop())
		}
	}()
	if r.dir, err = os.MkdirTemp(cfg.Data, "tenon-bench-"); err != nil {
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
	if err := r.startBrokers(ctx, cfg); err != nil {
		return nil, err
	}
	if r.client, err = kgo.NewClient(kgo.SeedBrokers(r.brokers...)); err != nil {
		return nil, err
	}
	r.admin = kadm.NewClient(r.client)
	return r, r.client.Ping(ctx)
}

func (r *Rig) startBrokers(ctx context.Context, cfg Config) (err error) {
	switch {
	case len(cfg.Brokers) > 0:
		return nil
	case cfg.Kafka:
		var cluster *kafkatest.Cluster
		if cluster, r.endKafka, err = kafkatest.Open(ctx, kafkatest.Options{Lasting: true}); err != nil {
			return err
		}
		r.brokers = cluster.Brokers()
		return nil
	default:
		if r.broker, err = startBroker(ctx); err != nil {
			return err
		}
		r.brokers = []string{r.broker.addr}
		return nil
	}
}

// parameters are what differs from PostgreSQL's defaults: room for 64 clients and no checkpoint in the middle of a round.
func parameters() map[string]string {
	return map[string]string{"max_connections": "200", "shared_buffers": "512MB", "max_wal_size": "4GB", "checkpoint_timeout": "30min"}
}

// Brokers returns the addresses of the brokers.
func (r *Rig) Brokers() []string { return r.brokers }

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
	if r.endKafka != nil {
		errs = append(errs, r.endKafka())
		r.endKafka = nil
	}
	return errors.Join(append(errs, os.RemoveAll(r.dir))...)
}
