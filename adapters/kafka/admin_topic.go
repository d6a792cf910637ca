package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// look returns a topic as brokers know it.
func (a *Admin) look(ctx context.Context, topic string) (kadm.TopicDetail, error) {
	details, err := kadm.NewClient(a.cl).ListTopics(ctx, topic)
	detail := details[topic]
	if err == nil {
		err = detail.Err
	}
	if err == nil && len(detail.Partitions) == 0 {
		err = kerr.UnknownTopicOrPartition
	}
	if err != nil {
		return kadm.TopicDetail{}, fmt.Errorf("look at topic %s: %w", topic, err)
	}
	return detail, nil
}

// await returns a topic that exists, once the named partitions have leaders: brokers learn of a new one after a moment.
func (a *Admin) await(ctx context.Context, topic string, partitions ...int32) (kadm.TopicDetail, error) {
	for n := 1; ; n++ {
		detail, err := a.look(ctx, topic)
		if err == nil {
			err = leaderless(detail, partitions)
		}
		passing := errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.LeaderNotAvailable)
		if !passing || !pause(ctx, n) {
			return detail, err
		}
	}
}

func leaderless(detail kadm.TopicDetail, partitions []int32) error {
	for _, n := range partitions {
		if p, ok := detail.Partitions[n]; !ok || p.Leader < 0 {
			return fmt.Errorf("look at partition %d of topic %s: %w", n, detail.Topic, kerr.LeaderNotAvailable)
		}
	}
	return nil
}

// awaitConfig is topicConfig for a topic that exists, though the broker that is asked may not know of it yet.
func (a *Admin) awaitConfig(ctx context.Context, topic, name string) (string, error) {
	for n := 1; ; n++ {
		value, err := a.topicConfig(ctx, topic, name)
		if !errors.Is(err, kerr.UnknownTopicOrPartition) || !pause(ctx, n) {
			return value, err
		}
	}
}

// topicConfig returns one of a topic's configs as it is in force.
func (a *Admin) topicConfig(ctx context.Context, topic, name string) (string, error) {
	described, err := kadm.NewClient(a.cl).DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return "", err
	}
	resource, err := described.On(topic, nil)
	if err == nil {
		err = resource.Err
	}
	if err != nil {
		return "", err
	}
	for _, c := range resource.Configs {
		if c.Key == name {
			return c.MaybeValue(), nil
		}
	}
	return "", fmt.Errorf("the broker doesn't tell %s", name)
}
