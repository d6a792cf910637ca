package rebuild

import (
	"context"
	"errors"
	"time"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/projection"
)

const (
	// markFor bounds how old the ends of Kafka may be at which a version goes on: topics forget.
	markFor = time.Minute
	sayEach = 10 * time.Second
)

// feed runs the version from its present source until that changes, the projection is paused, or ctx ends.
func (f *Feed) feed(ctx context.Context, v Version) error {
	if v.Source == Kafka && f.cfg.Kafka == nil {
		f.moved = true
		return f.passing(ctx, f.versions.ToLog(ctx, v.Projection, v.Number, max(f.cfg.Lanes, 1)))
	}
	src, err := f.open(v.Source)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- f.runner.Run(running, src) }()
	tick := time.NewTicker(f.cfg.Poll)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
			if !f.tend(ctx, v) {
				stop()
				return <-done
			}
		}
	}
}

// passing waits a moment after an error that isn't one for a person.
func (f *Feed) passing(ctx context.Context, err error) error {
	if err != nil {
		f.note(ctx, err)
		f.wait(ctx)
	}
	return nil
}

func (f *Feed) open(s Source) (projection.Source, error) {
	if s == Kafka {
		return f.cfg.Kafka()
	}
	log, err := postgres.NewProjectionLog(f.cfg.DB, postgres.ProjectionLogConfig{
		Projection: *f.projection(), Lanes: f.cfg.Lanes, Signal: f.cfg.Signal, Batch: f.cfg.Batch, Grace: f.cfg.Grace, Logger: f.cfg.Runner.Logger,
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = log
	return log, err
}

// tend looks how things are and does what is due. It returns false when the version is to be fed in another way, or not at all.
func (f *Feed) tend(ctx context.Context, v Version) bool {
	paused, err := f.versions.Paused(ctx, v.Projection)
	if err != nil {
		return true // the runner waits for the server, too, and says so
	}
	now, err := f.versions.Get(ctx, v.Projection, v.Number)
	switch {
	case paused:
		f.set(ctx, v, paused, nil)
		return false
	case errors.Is(err, ErrNoVersion), err == nil && now.Source != v.Source:
		return false
	case err != nil:
		return true
	}
	f.set(ctx, now, paused, nil)
	switch {
	case now.State == Building && now.TakesOver:
		err = f.takeOver(ctx, now)
	case now.State != Building && now.Source == Log && f.source() == Kafka && !f.moved:
		err = f.toKafka(ctx, now)
	}
	if err == nil {
		err = f.runner.Health()
		before := f.failing
		if f.failing = err != nil; f.failing && !before {
			return true // it may be over at the next look, as at a start
		}
	}
	f.note(ctx, err)
	return true
}

// takeOver lets the version serve once it has read what was committed when it was looked before: then it is at most that behind.
func (f *Feed) takeOver(ctx context.Context, v Version) error {
	if f.built == nil {
		now, err := f.versions.now(ctx)
		if err == nil {
			f.built = &now
		}
		return err
	}
	there, err := f.versions.passed(ctx, v.Projection, v.Number, *f.built)
	if err != nil || !there {
		f.say(ctx, v)
		return err
	}
	f.built = nil
	err = f.versions.TakeOver(ctx, v.Projection, v.Number)
	if err == nil {
		f.logger.Info("projection serves", "after", time.Since(v.BegunAt).Round(time.Millisecond))
	}
	return err
}

// say logs now and then how far the version is.
func (f *Feed) say(ctx context.Context, v Version) {
	if time.Since(f.said) < sayEach {
		return
	}
	f.said = time.Now()
	if p, err := f.versions.Progress(ctx, v); err == nil {
		f.logger.Info("projection is being built", "done", p.Done, "left", p.Left)
	}
}

// toKafka lets the version go on with Kafka.
func (f *Feed) toKafka(ctx context.Context, v Version) error {
	if f.mark == nil || time.Since(f.marked) > markFor {
		m, err := f.versions.Mark(ctx, f.cfg.Ends)
		if err == nil {
			f.mark, f.marked = &m, time.Now()
		}
		return err
	}
	done, err := f.versions.ToKafka(ctx, v.Projection, v.Number, *f.mark, f.cfg.PartitionOf)
	if done {
		f.moved, f.mark = true, nil
		f.logger.Info("projection goes on with Kafka")
	}
	return err
}

// note stores what is wrong, when that changes, for people and other programs to see.
func (f *Feed) note(ctx context.Context, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if f.told != nil && text == *f.told || ctx.Err() != nil {
		return
	}
	if f.versions.note(ctx, f.projection().Name, f.projection().Version, text) == nil {
		f.told = &text
	}
}
