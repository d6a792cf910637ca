package tenon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/ports/httpport"
)

// start brings the schemas up to date, opens the API's gate and starts the loops.
func (a *App) start(ctx context.Context, w *wired, s *servers, loops *stage) error {
	if err := a.prepareDatabase(ctx, w.db); err != nil {
		return err
	}
	w.gate.open()
	if err := a.prepareKafka(ctx, w); err != nil {
		return err
	}
	for _, l := range slices.Concat(w.handlers, w.projections, []*loop{w.relay}) {
		if l != nil {
			loops.run(func(ctx context.Context) { l.do(ctx, a.log) })
		}
	}
	if s.lock != nil {
		if err := a.endpoints.write(a.cfg.DataDir); err != nil {
			return err
		}
	}
	a.announce(s)
	close(a.ready)
	return nil
}

func (a *App) prepareDatabase(ctx context.Context, db *postgres.DB) error {
	waiting, cancel := a.cfg.untilStarted(ctx)
	defer cancel()
	if err := db.WaitReady(waiting); err != nil {
		return fmt.Errorf("PostgreSQL (TENON_DATABASE_URL): %w", errors.Join(context.Cause(waiting), err))
	}
	if a.cfg.Migrate {
		if err := postgres.Migrate(ctx, db, schemas(a.contexts)...); err != nil {
			return err
		}
	} else if err := a.checkMigrated(ctx, db); err != nil {
		return err
	}
	return postgres.CheckLog(ctx, db)
}

// checkMigrated refuses to run on schemas that lack migrations of this program.
func (a *App) checkMigrated(ctx context.Context, db *postgres.DB) error {
	var errs []error
	for _, s := range schemas(a.contexts) {
		migrations, err := postgres.MigrationStatus(ctx, db, s)
		if err != nil {
			return err
		}
		for _, m := range migrations {
			if m.AppliedAt.IsZero() {
				errs = append(errs, fmt.Errorf("schema %s lacks %s: run `tenon migrate`, or set TENON_MIGRATE=auto", s.Name, m.File))
			}
		}
	}
	return errors.Join(errs...)
}

// schemas returns the kernel's schema, then those of the contexts.
func schemas(contexts []Context) []postgres.Schema {
	all := []postgres.Schema{postgres.KernelSchema()}
	for _, c := range contexts {
		if c.Schema != "" {
			all = append(all, postgres.Schema{Name: c.Schema, FS: c.Migrations})
		}
	}
	return all
}

// prepareKafka waits for a broker and makes the topics that projections and handlers read.
func (a *App) prepareKafka(ctx context.Context, w *wired) error {
	if w.admin == nil {
		return nil
	}
	waiting, cancel := a.cfg.untilStarted(ctx)
	defer cancel()
	for said := false; ; said = true {
		specs := a.topicSpecs(w.topics)
		err := w.admin.EnsureTopics(waiting, specs...)
		if err == nil {
			a.examineTopics(waiting, w.admin, specs)
			return nil
		}
		if errors.Is(err, kafka.ErrAccess) {
			return fmt.Errorf("Kafka (TENON_KAFKA_BROKERS, TENON_KAFKA_TLS, TENON_KAFKA_SASL): %w", err)
		}
		if !said {
			a.log.Warn("waiting for Kafka", "brokers", a.endpoints.KafkaBrokers, "error", err)
		}
		select {
		case <-waiting.Done():
			return fmt.Errorf("Kafka (TENON_KAFKA_BROKERS): %w", errors.Join(context.Cause(waiting), err))
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// examineTopics names what is wrong with topics, which is for a person to change, or not.
func (a *App) examineTopics(ctx context.Context, admin *kafka.Admin, specs []kafka.TopicSpec) {
	problems, err := admin.Examine(ctx, specs...)
	if err != nil {
		a.log.Info("topics couldn't be examined", "error", err)
	}
	for _, problem := range problems {
		a.log.Warn("kafka " + problem)
	}
}

// topicSpecs returns a specification for each topic, which several may read.
func (a *App) topicSpecs(names []string) []kafka.TopicSpec {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	specs := make([]kafka.TopicSpec, len(names))
	for i, name := range names {
		specs[i] = kafka.TopicSpec{Name: name, Partitions: a.cfg.Partitions, ReplicationFactor: a.cfg.Replication}
	}
	return specs
}

// newLogger returns the logger that the configuration asks for, with correlation ids in its lines.
func newLogger(cfg Config, out io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: cfg.LogLevel}
	var h slog.Handler = slog.NewTextHandler(out, opts)
	if cfg.LogFormat == "json" {
		h = slog.NewJSONHandler(out, opts)
	}
	return slog.New(httpport.Correlate(h))
}
