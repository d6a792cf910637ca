package tenon

import (
	"context"
	"errors"
	"time"

	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay"
	"github.com/tenon-go/tenon/adapters/relay/lanes"
	"github.com/tenon-go/tenon/application/eventlog"
)

// wireRelay makes the relay that the configuration asks for, or what watches the one in its place.
func (a *App) wireRelay(w *wired, cfg kafka.Config) error {
	switch a.cfg.Relay {
	case relayExactlyOnce:
		return a.wireLanes(w, cfg)
	case relayWatermill:
		return a.wireWatermill(w, cfg)
	}
	watch := newCaptureWatch(postgres.NewCapture(w.db, a.cfg.DebeziumSlot), a.log)
	w.metrics.MustRegister(watch.metrics()...)
	w.relay = newLoop("relay", watch.run, watch.health)
	return nil
}

// wireLanes makes the relay that commits records and progress in one Kafka transaction.
func (a *App) wireLanes(w *wired, cfg kafka.Config) error {
	target, err := kafka.NewLanes(cfg, lanesConfig(a.cfg))
	if err != nil {
		return err
	}
	w.closers = append(w.closers, done(target.Close))
	board, err := postgres.NewRelayBoard(w.db, postgres.RelayBoardConfig{})
	if err != nil {
		return err
	}
	figures := newLaneMetrics(postgres.NewRelayDesk(w.db).Status)
	log, members, wake := postgres.NewLaneLog(w.db), postgres.NewRelayMembers(w.db), postgres.NewWake(w.db)
	r, err := lanes.New(lanes.Config{
		Log: log, Boundary: log, Target: target, Members: members, Layouts: members, Board: board, Wake: wake.Signal(), Poll: log.Changed,
		Lanes: a.cfg.RelayLanes, Lease: a.cfg.RelayLease, StopTimeout: a.cfg.ShutdownTimeout, Logger: a.log, Observe: figures.observe,
	})
	if err != nil {
		return err
	}
	figures.attach(r)
	w.metrics.MustRegister(figures)
	w.relay = newLoop("relay", func(ctx context.Context) error { return beside(ctx, r.Run, wake.Run) }, r.Health)
	return nil
}

func lanesConfig(cfg Config) kafka.LanesConfig {
	return kafka.LanesConfig{
		CursorReplication: cfg.Replication, Partitions: cfg.Partitions, ReplicationFactor: cfg.Replication,
		CloudEvents: cfg.CloudEvents != "", Source: cfg.CloudEvents,
	}
}

// beside runs main and a helper that ends with it, and returns main's error.
func beside(ctx context.Context, main, helper func(context.Context) error) error {
	helping, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = helper(helping) // it returns nil when it is told to stop
	}()
	err := main(ctx)
	stop()
	<-ended
	return err
}

// wireWatermill makes the relay that Watermill's forwarder runs.
func (a *App) wireWatermill(w *wired, cfg kafka.Config) error {
	// One record is in hand at a time: a producer that lingers would make each of them wait.
	if cfg.Linger = a.cfg.RelayLinger; cfg.Linger == 0 {
		cfg.Linger = -1
	}
	publisher, err := kafka.NewPublisher(cfg)
	if err != nil {
		return err
	}
	w.closers = append(w.closers, publisher.Close)
	subscriber, err := postgres.NewSubscriber(w.db, postgres.SubscriberConfig{
		Group: postgres.RelayGroup, Unmarshal: relay.Wrap, Signal: w.db.Signal(), Logger: a.log,
	})
	if err != nil {
		return err
	}
	w.closers = append(w.closers, subscriber.Close)
	r := relay.NewWatermill(relay.Config{
		Subscriber: subscriber, Publisher: &topicMaker{Publisher: publisher, ensure: a.ensureTopic(w.admin)},
		Failures: postgres.NewFailures(w.db), Logger: a.log, CloseTimeout: a.cfg.ShutdownTimeout,
	})
	w.relay = newLoop("relay", func(ctx context.Context) error {
		if err := a.takeOver(ctx, postgres.NewRelayDesk(w.db)); err != nil || ctx.Err() != nil {
			return err
		}
		return r.Run(ctx)
	}, r.Health)
	return nil
}

// takeOver lets the Watermill relay go on where an exactly-once relay stopped, if one ran on this log. While one still
// runs it waits.
func (a *App) takeOver(ctx context.Context, desk *postgres.RelayDesk) error {
	for said := false; ; said = true {
		err := desk.HandOver(ctx)
		switch {
		case err == nil || ctx.Err() != nil:
			return nil
		case !errors.Is(err, eventlog.ErrUnavailable):
			return err
		case !said:
			a.log.Warn("relay waits to go on where the exactly-once relay stops", "error", err)
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil
		}
	}
}

// ensureTopic returns a function that makes a topic with the configured partitions if it doesn't exist.
func (a *App) ensureTopic(admin *kafka.Admin) func(topic string) error {
	return func(topic string) error {
		ctx, cancel := context.WithTimeout(context.Background(), ensureTimeout)
		defer cancel()
		return admin.EnsureTopics(ctx, a.topicSpecs([]string{topic})...)
	}
}
