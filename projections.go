package tenon

import (
	"context"
	"fmt"

	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/postgres/rebuild"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
)

// wireProjections makes a feed for every read model. cfg is for those that are fed from Kafka.
func (a *App) wireProjections(w *wired, b *application.Builder, cfg kafka.Config, all []projection.Projection) error {
	if len(all) == 0 {
		return nil
	}
	w.metrics.MustRegister(newParkedMetrics(all, postgres.NewDeadLetters(w.db).Counts))
	// A version that is built reads the log, whatever feeds it afterwards.
	wake := postgres.NewWake(w.db)
	w.projections = append(w.projections,
		newLoop("wake-ups of projections", wake.Run, func() error { return nil }), // they poll, too
		a.pruning("ids that projections remember", a.cfg.InboxKeep, w.db.PruneSeen),
		a.pruning("versions that projections remember", a.cfg.AppliedKeep, w.db.PruneApplied))
	for _, p := range all {
		feed, err := rebuild.NewFeed(a.feedConfig(w, b, cfg, p, wake.Signal()))
		if err != nil {
			return err
		}
		w.metrics.MustRegister(projectionMetrics(p, feed.Runner())...)
		w.projections = append(w.projections, newLoop(loopName(p, all), feed.Run, feed.Health))
		if a.cfg.Projections == sourceKafka {
			w.topics = append(w.topics, p.Topics...)
		}
	}
	return nil
}

func (a *App) feedConfig(
	w *wired, b *application.Builder, cfg kafka.Config, p projection.Projection, wake *eventlog.Signal,
) rebuild.FeedConfig {
	// A version is a group of its own: it reads everything again.
	group := fmt.Sprintf("tenon.%s.v%d", p.Name, p.Version)
	c := rebuild.FeedConfig{
		DB: w.db, Begin: a.cfg.Rebuild, Lanes: a.cfg.ProjectionLanes, Signal: wake,
		Runner: projection.RunnerConfig{
			Projection: p, Store: w.db, Codec: codecFor(b, p), Parking: postgres.NewDeadLetters(w.db), Group: group, Logger: a.log,
			Applied: w.models.Signal(p.Name), ParkUnknown: a.cfg.ParkUnknown, Known: b.Knows,
		},
	}
	if a.cfg.Projections == sourceKafka {
		c.Kafka = func() (projection.Source, error) {
			return kafka.NewSource(cfg, kafka.SourceConfig{Group: group, Topics: p.Topics})
		}
		c.Ends = func(ctx context.Context) (rebuild.Ends, error) { return w.admin.RecordEnds(ctx, cfg, p.Topics...) }
		c.PartitionOf = kafka.PartitionOf
	}
	return c
}

// loopName tells versions apart where a program has several of a projection.
func loopName(p projection.Projection, all []projection.Projection) string {
	for _, o := range all {
		if o.Name == p.Name && o.Version != p.Version {
			return fmt.Sprintf("projection %s v%d", p.Name, p.Version)
		}
	}
	return "projection " + p.Name
}
