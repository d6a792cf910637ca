package rebuild

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
)

// FeedConfig says what a [Feed] feeds, and from what.
type FeedConfig struct {
	DB     *postgres.DB
	Runner projection.RunnerConfig // without Checkpoints and NoCopies, which are the feed's

	// Kafka makes a source; nil: the version is fed from the log for good.
	Kafka func() (projection.Source, error)
	// Ends and PartitionOf are needed with Kafka: the topics' present ends, and the partition of a key.
	Ends        func(context.Context) (Ends, error)
	PartitionOf PartitionOf

	Begin  bool             // whether a version that doesn't serve is built; else [ErrRefused] is waited out
	Lanes  int              // readers of the log for a version that begins there; 0: 1
	Signal *eventlog.Signal // of commits; nil: the DB's own

	Batch int           // records of the log handed over at once; 0: as postgres.ProjectionLog
	Poll  time.Duration // how often it is looked what others have decided; 0: 1 s
	Grace time.Duration // for the batch in hand at the end; 0: 5 s
}

// Feed feeds one version of a projection, whatever its state: it builds it, lets it take over, hands it over to the source that
// the program is configured for, and stops while the projection is paused. Any number of programs may run one version, and
// others other versions.
type Feed struct {
	cfg      FeedConfig
	versions *Versions
	runner   *projection.Runner
	logger   *slog.Logger

	mu      sync.Mutex
	version Version
	paused  bool
	err     error // why it isn't fed
	since   time.Time
	log     *postgres.ProjectionLog // while it is fed from the log

	// Of the goroutine that tends:
	built   *postgres.Snapshot // what must have been read before it may take over
	mark    *Mark
	marked  time.Time
	moved   bool // a program changes a version's source once, so that two that are configured differently don't take turns
	said    time.Time
	failing bool    // the runner, as of the last look
	told    *string // what was stored as wrong with it; nil: nothing was by this program
}

// NewFeed returns a feed that doesn't run yet, or all that is wrong with the configuration.
func NewFeed(cfg FeedConfig) (*Feed, error) {
	f := &Feed{cfg: cfg, versions: NewVersions(cfg.DB)}
	cfg.Runner.Checkpoints = f
	cfg.Runner.NoCopies = f.building
	if cfg.Runner.Logger == nil {
		cfg.Runner.Logger = slog.New(slog.DiscardHandler)
	}
	p := &cfg.Runner.Projection
	f.logger = cfg.Runner.Logger.With("projection", p.Name, "version", p.Version)
	if f.cfg.Poll == 0 {
		f.cfg.Poll = time.Second
	}
	var err error
	f.runner, err = projection.NewRunner(cfg.Runner)
	if cfg.Kafka != nil && (cfg.Ends == nil || cfg.PartitionOf == nil) {
		err = errors.Join(err, fmt.Errorf("projection %q: Kafka wants Ends and PartitionOf", p.Name))
	}
	return f, errors.Join(err, CheckTables(*p))
}

// Runner returns the runner, for its figures.
func (f *Feed) Runner() *projection.Runner { return f.runner }

func (f *Feed) projection() *projection.Projection { return &f.cfg.Runner.Projection }

func (f *Feed) building() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.version.State == Building
}

// source returns what the program is configured to feed versions from.
func (f *Feed) source() Source {
	if f.cfg.Kafka == nil {
		return Log
	}
	return Kafka
}

// Health returns nil while the version is fed or paused, else why not and since when.
func (f *Feed) Health() error {
	f.mu.Lock()
	err, since, paused := f.err, f.since, f.paused
	f.mu.Unlock()
	switch {
	case err != nil:
		return fmt.Errorf("since %s: %w", since.UTC().Format(time.RFC3339), err)
	case paused:
		return nil
	}
	return f.runner.Health()
}

// Run feeds the version until ctx ends and then returns nil. An error means that it can't go on without a person; a refused version
// is no error: it waits until somebody begins it.
func (f *Feed) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		v, paused, err := f.enter(ctx)
		f.set(ctx, v, paused, err)
		if err != nil || paused {
			f.wait(ctx)
			continue
		}
		err = f.feed(ctx, v)
		if err != nil && !errors.Is(err, projection.ErrElsewhere) {
			f.note(ctx, err)
			return err
		}
	}
	return nil
}

// enter stores the version if it is new, and returns how things are.
func (f *Feed) enter(ctx context.Context) (Version, bool, error) {
	paused, err := f.versions.Paused(ctx, f.projection().Name)
	if err != nil {
		return Version{}, false, err
	}
	v, err := f.versions.Enter(ctx, Entry{Projection: *f.projection(), Source: f.source(), Begin: f.cfg.Begin})
	if err == nil && !paused && v.Source == Kafka && f.cfg.Kafka == nil && f.moved {
		err = errors.New("the version is fed from Kafka, and this program reads the log only: set TENON_PROJECTIONS_SOURCE alike everywhere")
	}
	return v, paused, err
}

func (f *Feed) set(ctx context.Context, v Version, paused bool, err error) {
	if ctx.Err() != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case err != nil && f.err == nil:
		f.since = time.Now()
		f.logger.Warn("projection isn't fed", "error", err)
	case err == nil && paused && !f.paused:
		f.logger.Info("projection is paused")
	case err == nil && v.State == Building && f.version.State != Building:
		f.logger.Info("projection is built beside the version that serves", "source", v.Source)
	}
	f.err, f.paused = err, paused
	if err == nil {
		f.version = v
	}
}

func (f *Feed) wait(ctx context.Context) {
	timer := time.NewTimer(f.cfg.Poll)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
