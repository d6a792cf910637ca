package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/projection"
)

// SourceConfig says what a [Source] reads and how.
type SourceConfig struct {
	Group  string   // consumer group; required. Several sources of one group share the partitions
	Topics []string // required. Topics that don't exist yet are waited for

	MaxBatch       int           // most records handed over at once, see projection.BatchSize; 0: 10,000
	MaxBuffered    int           // bytes of records per partition that wait, above which fetching pauses; 0: 4 MiB
	MaxWait        time.Duration // how long a broker may hold a request while there is nothing new; 0: 500 ms
	SessionTimeout time.Duration // after which a silent member's partitions go to others; brokers want at least 6 s; 0: 10 s
	Grace          time.Duration // for the handler call in hand when a partition goes away or Run ends, then its context ends; 0: 5 s
	RefreshEvery   time.Duration // how often topics are looked at for partitions that were added; 0: 1 min
	CommitEvery    time.Duration // how often offsets are reported to Kafka, for the tools that show lag; 0: 1 s
}

func (c SourceConfig) checked() (SourceConfig, error) {
	var errs []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("kafka source: "+format, args...))
		}
	}
	want(c.Group != "", "Group is empty, want a name")
	want(len(c.Topics) > 0, "Topics is empty, want at least one")
	for i, topic := range c.Topics {
		if err := checkTopic(topic); err != nil {
			errs = append(errs, fmt.Errorf("kafka source: Topics[%d]: %w", i, err))
		}
	}
	want(c.MaxBatch >= 0, "MaxBatch is %d, want at least 0", c.MaxBatch)
	want(c.MaxBuffered >= 0, "MaxBuffered is %d, want at least 0", c.MaxBuffered)
	for _, d := range []struct {
		name     string
		value    *time.Duration
		fallback time.Duration
	}{
		{"MaxWait", &c.MaxWait, 500 * time.Millisecond},
		{"SessionTimeout", &c.SessionTimeout, 10 * time.Second},
		{"Grace", &c.Grace, 5 * time.Second},
		{"CommitEvery", &c.CommitEvery, time.Second},
		{"RefreshEvery", &c.RefreshEvery, time.Minute},
	} {
		want(*d.value >= 0, "%s is %v, want a duration from 0", d.name, *d.value)
		if *d.value == 0 {
			*d.value = d.fallback
		}
	}
	if c.MaxBatch == 0 {
		c.MaxBatch = 10_000
	}
	if c.MaxBuffered == 0 {
		c.MaxBuffered = 4 << 20
	}
	c.Topics = slices.Clone(c.Topics)
	return c, errors.Join(errs...)
}

// Source reads topics as one member of a consumer group, from the offsets that its handler names; Kafka's own committed offsets
// are written for the tools that show them, never read. Records of aborted transactions are not delivered.
type Source struct {
	cfg    Config
	source SourceConfig
	health *health
}

var _ projection.Source = (*Source)(nil)

// NewSource returns a source that doesn't run yet.
func NewSource(cfg Config, source SourceConfig) (*Source, error) {
	cfg, err := cfg.checked()
	source, sourceErr := source.checked()
	if err := errors.Join(err, sourceErr); err != nil {
		return nil, err
	}
	log := cfg.Logger.With("group", source.Group)
	return &Source{cfg: cfg, source: source, health: newHealth(log, cfg.Now, source.heartbeat())}, nil
}

func (c SourceConfig) heartbeat() time.Duration { return c.SessionTimeout / 10 }

// rebalance is how long the others wait for this member to give up partitions, or to turn out dead: what giving up may take.
func (c SourceConfig) rebalance() time.Duration {
	return min(c.Grace+leaveTimeout+c.SessionTimeout, time.Minute)
}

// Health returns nil while the source is a member of its group and brokers answer, else what is wrong and since when.
func (s *Source) Health() error { return s.health.err() }

// Run delivers until ctx ends, then gives handler calls in hand their time to finish and returns nil. It waits for brokers that
// don't answer and for topics that aren't there. It returns what the handler returned, an error that wraps
// projection.ErrTopicReplaced when a topic was deleted and made anew, or one that says where to go on by hand when the
// records at a partition's offset are gone.
func (s *Source) Run(ctx context.Context, h projection.Handler) error {
	defer s.health.left(errNotRunning)
	for {
		err := s.consume(ctx, h)
		switch {
		case ctx.Err() != nil && errors.Is(err, ctx.Err()):
			return nil
		case !errors.Is(err, errAgain):
			return err
		}
	}
}

// consume is one membership, from waiting for the topics on. It doesn't return nil.
func (s *Source) consume(ctx context.Context, h projection.Handler) error {
	if err := s.awaitTopics(ctx); err != nil {
		return err
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	m := newMember(ctx, s, h, fail)
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	cl, err := s.cfg.client(slices.Concat(s.groupOptions(), m.options(), []kgo.Opt{kgo.WithContext(life)})...)
	if err != nil {
		return err
	}
	m.run(ctx, cl, end)
	return context.Cause(ctx)
}

func (s *Source) groupOptions() []kgo.Opt {
	return []kgo.Opt{
		kgo.ConsumerGroup(s.source.Group),
		kgo.ConsumeTopics(s.source.Topics...),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(s.source.SessionTimeout),
		kgo.HeartbeatInterval(s.source.heartbeat()),
		kgo.RebalanceTimeout(s.source.rebalance()),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(s.source.MaxWait),
		kgo.FetchMaxBytes(16 << 20),
		kgo.MetadataMaxAge(s.source.RefreshEvery),
		kgo.WithHooks(s.health),
	}
}
