package tenon

import (
	"context"
	"fmt"

	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/projection"
)

// wireKafka makes the relay, a runner for every read model and a router for every handler of a topic.
func (a *App) wireKafka(w *wired, b *application.Builder, brokers []string, d declared) (err error) {
	cfg, err := a.cfg.kafkaConfig(brokers, a.log)
	if err != nil {
		return err
	}
	if w.admin, err = kafka.NewAdmin(cfg); err != nil {
		return err
	}
	w.closers = append(w.closers, done(w.admin.Close))
	if a.has(RoleRelay) {
		if err := a.wireRelay(w, cfg); err != nil {
			return err
		}
	}
	if a.has(RoleHandlers) {
		if err := a.wireConsumed(w, b.Codec(), cfg, d.consumed); err != nil {
			return err
		}
	}
	if !a.has(RoleProjections) {
		return nil
	}
	if len(d.projections) > 0 {
		w.metrics.MustRegister(newParkedMetrics(d.projections, postgres.NewDeadLetters(w.db).Counts))
	}
	for _, p := range d.projections {
		if err := a.wireProjection(w, b, cfg, p); err != nil {
			return err
		}
	}
	return nil
}

// wireProjection makes a read model's runner and its source.
func (a *App) wireProjection(w *wired, b *application.Builder, cfg kafka.Config, p projection.Projection) error {
	// A version is a group of its own: it reads everything again.
	group := fmt.Sprintf("tenon.%s.v%d", p.Name, p.Version)
	runner, err := projection.NewRunner(projection.RunnerConfig{
		Projection: p, Store: w.db, Checkpoints: w.db, Codec: codecFor(b, p), Parking: postgres.NewDeadLetters(w.db), Group: group, Logger: a.log,
	})
	if err != nil {
		return err
	}
	source, err := kafka.NewSource(cfg, kafka.SourceConfig{Group: group, Topics: p.Topics})
	if err != nil {
		return err
	}
	w.topics = append(w.topics, p.Topics...)
	w.metrics.MustRegister(projectionMetrics(p, runner)...)
	w.projections = append(w.projections, newLoop("projection "+p.Name,
		func(ctx context.Context) error { return runner.Run(ctx, source) }, runner.Health))
	return nil
}

// codecFor returns the codec of a read model: of its own types if it declares them, else of what the contexts register.
func codecFor(b *application.Builder, p projection.Projection) codec.Codec {
	if p.Events != nil {
		return b.CodecOf(p.Events)
	}
	return b.Codec()
}

// done makes a closer of a function that can't fail.
func done(f func()) func() error {
	return func() error { f(); return nil }
}
