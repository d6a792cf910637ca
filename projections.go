package tenon

import (
	"context"
	"fmt"

	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/projection"
)

// wireProjections makes a runner for every read model. cfg is for those that are fed from Kafka.
func (a *App) wireProjections(w *wired, b *application.Builder, cfg kafka.Config, all []projection.Projection) error {
	if len(all) == 0 {
		return nil
	}
	w.metrics.MustRegister(newParkedMetrics(all, postgres.NewDeadLetters(w.db).Counts))
	var wake *postgres.Wake
	if a.cfg.Projections == sourceLog {
		wake = postgres.NewWake(w.db)
		w.projections = append(w.projections, newLoop("wake-ups of projections", wake.Run, func() error { return nil })) // they poll, too
	}
	w.projections = append(w.projections, a.pruning("ids that projections remember", a.cfg.InboxKeep, w.db.PruneSeen),
		a.pruning("versions that projections remember", a.cfg.AppliedKeep, w.db.PruneApplied))
	for _, p := range all {
		// A version is a group of its own: it reads everything again.
		group := fmt.Sprintf("tenon.%s.v%d", p.Name, p.Version)
		source, checkpoints, err := a.projectionSource(w, cfg, p, group, wake)
		if err != nil {
			return err
		}
		runner, err := projection.NewRunner(projection.RunnerConfig{
			Projection: p, Store: w.db, Checkpoints: checkpoints, Codec: codecFor(b, p), Parking: postgres.NewDeadLetters(w.db), Group: group, Logger: a.log,
			Applied: w.models.Signal(p.Name), ParkUnknown: a.cfg.ParkUnknown, Known: b.Knows,
		})
		if err != nil {
			return err
		}
		w.metrics.MustRegister(projectionMetrics(p, runner)...)
		w.projections = append(w.projections, newLoop("projection "+p.Name,
			func(ctx context.Context) error { return runner.Run(ctx, source) }, runner.Health))
	}
	return nil
}

// projectionSource returns what feeds a read model, and where it is kept how far that is.
func (a *App) projectionSource(
	w *wired, cfg kafka.Config, p projection.Projection, group string, wake *postgres.Wake,
) (projection.Source, projection.Checkpoints, error) {
	if wake == nil {
		w.topics = append(w.topics, p.Topics...)
		source, err := kafka.NewSource(cfg, kafka.SourceConfig{Group: group, Topics: p.Topics})
		return source, w.db, err
	}
	feed, err := postgres.NewProjectionLog(w.db, postgres.ProjectionLogConfig{
		Projection: p, Lanes: a.cfg.ProjectionLanes, Signal: wake.Signal(), Grace: a.cfg.ShutdownTimeout, Logger: a.log,
	})
	return feed, feed, err
}
