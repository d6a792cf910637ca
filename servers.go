package tenon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded"
)

// servers are the PostgreSQL and Kafka that a program uses: the user's own, or embedded ones that belong to this
// process.
type servers struct {
	databaseURL string
	brokers     []string

	lock     *embedded.DirLock
	postgres *embedded.Postgres
	kafka    *embedded.Kafka
}

// startServers starts what the configuration doesn't name. On an error nothing is left running.
func startServers(ctx context.Context, cfg Config, log *slog.Logger, withKafka bool) (_ *servers, err error) {
	s := &servers{databaseURL: cfg.DatabaseURL, brokers: cfg.KafkaBrokers}
	withKafka = withKafka && len(s.brokers) == 0
	if s.databaseURL != "" && !withKafka {
		return s, nil
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	if s.lock, err = embedded.Lock(cfg.DataDir); err != nil {
		return nil, err
	}
	if s.databaseURL == "" {
		s.postgres, err = embedded.StartPostgres(ctx, embedded.PostgresConfig{
			DataDir: cfg.DataDir, Port: cfg.PostgresPort, Repository: cfg.MavenRepository, Logger: log,
			Parameters: map[string]string{"max_connections": fmt.Sprint(max(100, cfg.DatabaseConns+20))},
		})
		if err != nil {
			return nil, err
		}
		s.databaseURL = s.postgres.URL()
	}
	if withKafka {
		s.kafka, err = embedded.StartKafka(ctx, embedded.KafkaConfig{
			DataDir: cfg.DataDir, Port: cfg.KafkaPort, Partitions: cfg.Partitions, Logger: log,
		})
		if err != nil {
			return nil, err
		}
		s.brokers = []string{s.kafka.Addr()}
	}
	return s, nil
}

// watch starts an embedded PostgreSQL again that ended by itself, on the same port and data, until ctx ends.
func (s *servers) watch(ctx context.Context, log *slog.Logger) {
	if s.postgres == nil {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.postgres.Done():
		}
		if ctx.Err() != nil {
			return
		}
		log.Error("embedded PostgreSQL ended by itself; starting it again")
		if err := s.postgres.Restart(ctx); err != nil && ctx.Err() == nil {
			log.Error("embedded PostgreSQL doesn't start again", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(restartPause):
			}
		}
	}
}

// restartPause is between two attempts to start an embedded server again.
const restartPause = 2 * time.Second

// stop stops what was started. A second call does nothing.
func (s *servers) stop() error {
	var errs []error
	if s.kafka != nil {
		s.kafka.Stop()
	}
	if s.postgres != nil {
		errs = append(errs, s.postgres.Stop())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Unlock())
	}
	return errors.Join(errs...)
}

// isLocked reports whether another process holds the data directory.
func isLocked(err error) bool {
	var locked *embedded.LockedError
	return errors.As(err, &locked)
}
