package projection

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
)

// RunnerConfig says what a [Runner] runs and with what.
type RunnerConfig struct {
	Projection  Projection
	Store       eventlog.Store
	Checkpoints Checkpoints // in the same database as Store
	Codec       codec.Codec
	Parking     deadletter.Parking // in the same database as Store
	Group       string             // consumer group, named in copies for the dead-letter topic; empty: not named

	Retries    int              // how often what Apply refuses is tried again before it is parked; 0: 3, negative: never
	MinBackoff time.Duration    // wait before the first retry, doubled with each; 0: 100 ms
	MaxBackoff time.Duration    // longest wait; 0: 10 s
	Timeout    time.Duration    // for one call of Apply, whose context then ends; 0: 30 s
	Logger     *slog.Logger     // nil: none
	Now        func() time.Time // nil: time.Now

	Applied *eventlog.Signal // raised after each batch, for queries of this process that wait for it; nil: none

	// NoCopies is asked whether what is parked now has no copy on its dead-letter topic, because nobody is to learn of it: while a
	// version is being built. nil: it has.
	NoCopies func() bool

	ParkUnknown bool                        // whether events of unknown types are parked; else all that the projection doesn't handle are counted and passed by
	Known       func(eventType string) bool // which types are known, and passed by, though the projection doesn't handle them; nil: none
}

// Runner applies what a [Source] delivers to one projection: a batch's rows and the checkpoint commit in one transaction.
//
// Outages of the database, deadlocks and the like are waited out, for as long as they last. Whatever else Apply returns, or panics
// with, or that it takes too long, is tried again Retries times; then the batch is halved until the one event that fails is
// found. That event is parked, which a copy on {topic}.DLT tells, and later events of its aggregate are parked behind it, while all
// others go on; see package deadletter. Safe for concurrent use.
type Runner struct {
	cfg   RunnerConfig
	waits waits
	items sync.Pool // of *[]item: a batch's are as large as it is, and needed until it is applied

	mu     sync.Mutex
	stats  Stats
	source Source
	sets   map[Partition]*parkedSet

	toldRepeats time.Time
}

var _ Handler = (*Runner)(nil)

// NewRunner returns a runner, or all that is wrong with the configuration, joined.
func NewRunner(cfg RunnerConfig) (*Runner, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.Retries == 0 {
		cfg.Retries = 3
	}
	if cfg.MinBackoff == 0 {
		cfg.MinBackoff = 100 * time.Millisecond
	}
	if cfg.MaxBackoff == 0 {
		cfg.MaxBackoff = max(10*time.Second, cfg.MinBackoff)
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	p := cfg.Projection
	cfg.Projection.Types = slices.Clone(p.Types)
	cfg.Logger = cfg.Logger.With("projection", p.Name, "version", p.Version)
	return &Runner{cfg: cfg, sets: make(map[Partition]*parkedSet), waits: waits{log: cfg.Logger, now: cfg.Now}}, nil
}

func (c *RunnerConfig) check() error {
	var errs []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("projection %q: %s", c.Projection.Name, fmt.Sprintf(format, args...)))
		}
	}
	p := c.Projection
	want(p.Name != "", "Name is empty, want one that never changes")
	want(p.Version >= 1, "Version is %d, want at least 1", p.Version)
	want(len(p.Topics) > 0, "Topics is empty, want at least one")
	want(!slices.Contains(p.Topics, ""), "Topics has an empty name")
	want(len(p.Types) > 0, "Types is empty, want at least one event type")
	want(p.Apply != nil, "Apply is nil")
	if p.Events != nil {
		err := p.Events.Err()
		want(err == nil, "%v", err)
	}
	want(c.Store != nil, "Store is nil")
	want(c.Checkpoints != nil, "Checkpoints is nil")
	want(c.Codec != nil, "Codec is nil")
	want(c.Parking != nil, "Parking is nil")
	want(c.Timeout >= 0, "Timeout is %v, want a duration from 0", c.Timeout)
	want(c.MinBackoff >= 0, "MinBackoff is %v, want a duration from 0", c.MinBackoff)
	want(c.MaxBackoff == 0 || c.MaxBackoff >= c.MinBackoff, "MaxBackoff is %v, want at least MinBackoff, %v", c.MaxBackoff, c.MinBackoff)
	return errors.Join(errs...)
}

// Run applies what src delivers until ctx ends, then finishes what is in hand and returns nil. An error means that it can't go
// on without a person. It may be called again when it has ended, with another source.
func (r *Runner) Run(ctx context.Context, src Source) error {
	r.mu.Lock()
	r.source = src
	r.mu.Unlock()
	if err := src.Run(ctx, r); err != nil {
		return fmt.Errorf("run projection %s version %d: %w", r.cfg.Projection.Name, r.cfg.Projection.Version, err)
	}
	return nil
}

// Start returns the stored offset of a partition, or None. It waits while the database can't be asked. The error wraps
// [ErrTopicReplaced] when the checkpoint belongs to an earlier incarnation of the topic, [ErrPartitionsChanged] when that had
// another number of partitions.
func (r *Runner) Start(ctx context.Context, p Partition) (next int64, err error) {
	err = r.try(ctx, p, 0, func() (err error) {
		if next, err = r.next(ctx, p); err == nil {
			_, err = r.load(ctx, p) // after the checkpoint: see parkedSet
		}
		return outage(err)
	})
	if err != nil {
		return 0, fmt.Errorf("read checkpoint of %s, partition %d: %w", p.Topic, p.Number, err)
	}
	return next, nil
}

func (r *Runner) next(ctx context.Context, p Partition) (int64, error) {
	return r.cfg.Checkpoints.Next(ctx, r.cfg.Projection.Name, r.cfg.Projection.Version, p)
}
