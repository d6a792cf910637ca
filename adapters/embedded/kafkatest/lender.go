package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// shared are this test binary's brokers. It is the package's one variable that changes: the testing package gives tests
// no other place for what they have in common.
var shared lender

// lender has the brokers that no test uses. Starting one costs more than cleaning it.
type lender struct {
	once       sync.Once
	install    *install
	installErr error

	mu   sync.Mutex
	idle []*Cluster
}

func (l *lender) take(in *install) (*Cluster, error) {
	l.mu.Lock()
	if last := len(l.idle) - 1; last >= 0 {
		c := l.idle[last]
		l.idle = l.idle[:last]
		l.mu.Unlock()
		return c, nil
	}
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	return startCluster(ctx, in, Options{})
}

// giveBack keeps the broker for the next test if it is as new, else ends it.
func (l *lender) giveBack(c *Cluster, suspect bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), cleanTimeout)
	defer cancel()
	if suspect || !c.runs() || clean(ctx, c.Addr()) != nil {
		return c.end()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.idle = append(l.idle, c)
	return nil
}

func (l *lender) end() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, c := range l.idle {
		errs = append(errs, c.end())
	}
	l.idle = nil
	return errors.Join(errs...)
}

// runs reports whether all brokers run.
func (c *Cluster) runs() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !slices.ContainsFunc(c.nodes, func(n *node) bool { return n.process == nil })
}

// clean removes what a test has left: groups, then topics. It refuses where somebody still is at work: a member that was
// killed and not missed yet, a transaction that nobody ends.
func clean(ctx context.Context, broker string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.DisableClientMetrics(), kgo.RetryTimeout(cleanTimeout/2),
		kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		return err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	if err := cleanGroups(ctx, adm); err != nil {
		return err
	}
	transactions, err := adm.ListTransactions(ctx, nil, nil)
	if err != nil {
		return err
	}
	for id, t := range transactions {
		if t.State != "Empty" && !strings.HasPrefix(t.State, "Complete") {
			return fmt.Errorf("transaction %s is %s", id, t.State)
		}
	}
	return cleanTopics(ctx, adm)
}

// cleanTopics returns when the broker too has heard that there are none any more: the next test may want some of the same names.
func cleanTopics(ctx context.Context, adm *kadm.Client) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		topics, err := adm.ListTopics(ctx)
		if err != nil || len(topics) == 0 {
			return err
		}
		if err := cleanConfigs(ctx, adm, topics.Names()); err != nil {
			return err
		}
		deleted, err := adm.DeleteTopics(ctx, topics.Names()...)
		if err != nil {
			return err
		}
		if err := deleted.Error(); err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// cleanConfigs takes the topics' own settings from them. A deleted topic's come back: a broker that restarts serves a new topic of
// the same name with them for a moment (seen with Kafka 4.4.0 and max.message.bytes).
func cleanConfigs(ctx context.Context, adm *kadm.Client, topics []string) error {
	all, err := adm.DescribeTopicConfigs(ctx, topics...)
	if err != nil {
		return err
	}
	for _, topic := range all {
		var own []kadm.AlterConfig
		for _, c := range topic.Configs {
			if c.Source == kmsg.ConfigSourceDynamicTopicConfig {
				own = append(own, kadm.AlterConfig{Op: kadm.DeleteConfig, Name: c.Key})
			}
		}
		if len(own) == 0 {
			continue
		}
		altered, err := adm.AlterTopicConfigs(ctx, own, topic.Name)
		if err != nil {
			return err
		}
		for _, a := range altered {
			if a.Err != nil && !errors.Is(a.Err, kerr.UnknownTopicOrPartition) {
				return a.Err
			}
		}
	}
	return nil
}

func cleanGroups(ctx context.Context, adm *kadm.Client) error {
	groups, err := adm.ListGroups(ctx)
	if err != nil {
		return err
	}
	for _, g := range groups.Sorted() {
		if g.State != "Empty" && g.State != "Dead" {
			return fmt.Errorf("group %s is %s", g.Group, g.State)
		}
	}
	if len(groups) == 0 {
		return nil
	}
	deleted, err := adm.DeleteGroups(ctx, groups.Groups()...)
	return errors.Join(err, deleted.Error())
}
