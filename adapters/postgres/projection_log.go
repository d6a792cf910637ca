package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/relaying"
)

// ProjectionLogConfig says which projection reads the log, and how.
type ProjectionLogConfig struct {
	Projection projection.Projection // its name, version and topics; required
	// Lanes is by how many readers a version is fed that hasn't read anything yet, by the bucket of the aggregate; 0: 1. One that
	// has keeps what it began with.
	Lanes int
	// Signal tells of commits; nil: the DB's own, which knows those of this process.
	Signal *eventlog.Signal

	Batch        int           // most records handed over at once, see projection.BatchSize; 0: 10,000
	Bytes        int           // of payload in a page; 0: 4 MiB. Two pages of each lane are in memory
	PollInterval time.Duration // how often a quiet log is looked at; 0: 1 s
	Lease        time.Duration // after which the lanes of a node that died go to others; 0: 5 s
	Grace        time.Duration // for the batch in hand when Run ends; 0: 5 s
	Logger       *slog.Logger  // nil: none
}

func (c *ProjectionLogConfig) check() error {
	var errs []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("projection %q on the log: %s", c.Projection.Name, fmt.Sprintf(format, args...)))
		}
	}
	want(c.Projection.Name != "" && c.Projection.Version >= 1 && len(c.Projection.Topics) > 0, "want Name, Version and Topics")
	want(c.Lanes >= 0 && c.Lanes <= relaying.MaxLanes, "Lanes is %d, want 0 to %d", c.Lanes, relaying.MaxLanes)
	want(c.Batch >= 0, "Batch is %d, want at least 0", c.Batch)
	want(c.Bytes >= 0, "Bytes is %d, want at least 0", c.Bytes)
	for _, d := range []struct {
		name     string
		value    *time.Duration
		fallback time.Duration
	}{
		{"PollInterval", &c.PollInterval, time.Second}, {"Lease", &c.Lease, 5 * time.Second}, {"Grace", &c.Grace, 5 * time.Second},
	} {
		want(*d.value >= 0, "%s is %v, want a duration from 0", d.name, *d.value)
		if *d.value == 0 {
			*d.value = d.fallback
		}
	}
	for n, fallback := range map[*int]int{&c.Lanes: 1, &c.Batch: 10_000, &c.Bytes: 4 << 20} {
		if *n == 0 {
			*n = fallback
		}
	}
	return errors.Join(errs...)
}

// ProjectionLog feeds a projection from the log itself, without Kafka: the runner's Source, and the Checkpoints that go with it. An
// aggregate's events come in order and each takes effect once, as from Kafka; of several topics, too. What headers on Kafka
// don't carry (metadata, actor, time of recording) is empty here as well.
//
// Several nodes may run one projection: they share its lanes. A lane's place commits with the rows and is compared before it is
// set, so that it doesn't matter what a node believes that was paused.
type ProjectionLog struct {
	db     *DB
	cfg    ProjectionLogConfig
	log    *LaneLog
	me     uuid.UUID
	outage outage

	mu    sync.Mutex
	lanes []*projectionLane // while Run runs
}

var (
	_ projection.Source      = (*ProjectionLog)(nil)
	_ projection.Checkpoints = (*ProjectionLog)(nil)
)

// NewProjectionLog returns a feed that doesn't run yet, or what is wrong with the configuration.
func NewProjectionLog(db *DB, cfg ProjectionLogConfig) (*ProjectionLog, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.Signal == nil {
		cfg.Signal = db.signal
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	log := cfg.Logger.With("projection", cfg.Projection.Name, "version", cfg.Projection.Version)
	return &ProjectionLog{db: db, cfg: cfg, log: NewLaneLog(db), me: uuid.New(), outage: outage{
		log: log, begun: "projection can't read the log", over: "projection reads the log again",
	}}, nil
}

// Health returns nil while the log is read, by this node or another one, else what is wrong and since when.
func (f *ProjectionLog) Health() error {
	f.mu.Lock()
	running := f.lanes != nil
	f.mu.Unlock()
	if !running {
		return errors.New("doesn't read the log")
	}
	return f.outage.health()
}

// Run delivers until ctx ends, then gives what is in hand its time and returns nil. It waits for a server that is down. An error
// says that a person has to decide: the log is another one than the projection has read.
func (f *ProjectionLog) Run(ctx context.Context, h projection.Handler) error {
	if err := f.open(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.lanes = nil
	}()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var work sync.WaitGroup
	for _, l := range f.lanes {
		work.Go(func() {
			if err := l.run(ctx, h); err != nil {
				fail(fmt.Errorf("lane %d of the log: %w", l.number, err))
			}
		})
	}
	work.Wait()
	f.release(ctx)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	return nil
}

// open finds the lanes, which it makes for a version that is new.
func (f *ProjectionLog) open(ctx context.Context) error {
	for wait := time.Duration(0); ; {
		rows, log, err := f.rows(ctx)
		if err == nil {
			f.outage.end()
			lanes := make([]*projectionLane, len(rows))
			for i, row := range rows {
				lanes[i] = newProjectionLane(f, row, log)
			}
			f.mu.Lock()
			f.lanes = lanes
			f.mu.Unlock()
			return nil
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // what fails then fails because of the stop
		}
		if !errors.Is(err, eventlog.ErrUnavailable) && !errors.Is(err, eventlog.ErrTransient) {
			return fmt.Errorf("lanes of the log: %w", err)
		}
		f.outage.begin(err)
		wait = grow(wait, firstRetry, retryLimit)
		pause(ctx, jitter(wait))
	}
}

// lane returns a lane by the partition that stands for it.
func (f *ProjectionLog) lane(p projection.Partition) (*projectionLane, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.lanes, func(l *projectionLane) bool { return l.partition == p })
	if i < 0 {
		return nil, fmt.Errorf("partition %d of %s is no lane of the log that is read", p.Number, p.Topic)
	}
	return f.lanes[i], nil
}
