package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/eventlog"
)

// TopicSpec is a topic as it is to be created.
type TopicSpec struct {
	Name              string
	Partitions        int               // 0: the broker's default
	ReplicationFactor int               // 0: the broker's default
	Configs           map[string]string // "retention.ms": "-1"; as the broker names them
}

// Admin creates topics and asks whether brokers are there. Safe for concurrent use.
type Admin struct {
	cl *kgo.Client
}

// NewAdmin returns an admin that connects when it is used. Close it.
func NewAdmin(cfg Config) (*Admin, error) {
	cfg, err := cfg.checked()
	if err != nil {
		return nil, err
	}
	cl, err := cfg.client(kgo.RequestRetries(5), kgo.RetryTimeout(10*time.Second))
	if err != nil {
		return nil, err
	}
	return &Admin{cl: cl}, nil
}

// Close ends the connections. Twice is fine.
func (a *Admin) Close() { a.cl.Close() }

// EnsureTopics creates the topics that don't exist; others, also those that somebody else creates at the same moment, are left as
// they are. All that went wrong is joined, each error naming its topic. It wraps eventlog.ErrUnavailable while no broker answers,
// [ErrAccess] when none will.
func (a *Admin) EnsureTopics(ctx context.Context, specs ...TopicSpec) error {
	var errs []error
	for _, spec := range specs {
		if err := spec.check(); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	for _, spec := range specs {
		if _, err := a.ensure(ctx, spec); err != nil {
			errs = append(errs, fmt.Errorf("create topic %s: %w", spec.Name, err))
		}
	}
	return errors.Join(errs...)
}

// exists asks first: who may use a topic need not have the right to create one.
func (a *Admin) exists(ctx context.Context, topic string) bool {
	details, err := kadm.NewClient(a.cl).ListTopics(ctx, topic)
	return err == nil && details.Has(topic) && details[topic].Err == nil
}

func (s TopicSpec) check() error {
	if err := checkTopic(s.Name); err != nil {
		return err
	}
	if s.Partitions < 0 || s.Partitions > 100_000 {
		return fmt.Errorf("topic %s: Partitions is %d, want 0 to 100000", s.Name, s.Partitions)
	}
	if s.ReplicationFactor < 0 || s.ReplicationFactor > 100 {
		return fmt.Errorf("topic %s: ReplicationFactor is %d, want 0 to 100", s.Name, s.ReplicationFactor)
	}
	return nil
}

// ensure creates a topic that doesn't exist and reports whether it did.
func (a *Admin) ensure(ctx context.Context, spec TopicSpec) (created bool, err error) {
	if a.exists(ctx, spec.Name) {
		return false, nil
	}
	orDefault := func(n int) int {
		if n == 0 {
			return -1
		}
		return n
	}
	configs := make(map[string]*string, len(spec.Configs))
	for name, value := range spec.Configs {
		configs[name] = &value
	}
	//nolint:gosec // both were checked
	partitions, replicas := int32(orDefault(spec.Partitions)), int16(orDefault(spec.ReplicationFactor))
	response, err := kadm.NewClient(a.cl).CreateTopic(ctx, partitions, replicas, configs, spec.Name)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, kerr.TopicAlreadyExists):
		return false, nil
	case response.ErrMessage != "":
		err = fmt.Errorf("%w: %s", err, response.ErrMessage)
	}
	return false, unavailable(ctx, err)
}

// Check returns nil when a broker answers; else the error wraps eventlog.ErrUnavailable or [ErrAccess], or the context's when
// that ended.
func (a *Admin) Check(ctx context.Context) error {
	if err := a.cl.Ping(ctx); err != nil {
		return fmt.Errorf("ask Kafka brokers: %w", unavailable(ctx, err))
	}
	return nil
}

// unavailable wraps err with eventlog.ErrUnavailable unless a broker has answered, or the caller has given up; with ErrAccess
// where waiting is of no use.
func unavailable(ctx context.Context, err error) error {
	if refused := access(err); refused != nil {
		return refused
	}
	var answer *kerr.Error
	if errors.As(err, &answer) && !answer.Retriable || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return err
	}
	return fmt.Errorf("%w: %w", eventlog.ErrUnavailable, err)
}
