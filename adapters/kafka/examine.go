package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// usualBytes is what brokers take as a record unless they are told otherwise (max.message.bytes).
const usualBytes = 1_048_588

// topicFacts is what brokers tell of a topic. A number that they don't tell is 0.
type topicFacts struct {
	name       string
	partitions int
	replicas   int // of the partition that has the fewest
	brokers    int // of the cluster
	insync     int // min.insync.replicas
	maxBytes   int // max.message.bytes
	compacted  bool
}

// newTopic bounds how long a broker may not know yet of a topic that another one has made.
const newTopic = 5 * time.Second

// Examine looks at topics of events that exist and returns what is wrong with them or unlike their specification, each
// naming its topic and what to do. Configs that this client may not read are passed over. A topic that was made a moment ago
// is waited for.
func (a *Admin) Examine(ctx context.Context, specs ...TopicSpec) (problems []string, err error) {
	for _, spec := range specs {
		f, err := a.facts(ctx, spec.Name)
		began := time.Now()
		for n := 1; errors.Is(err, kerr.UnknownTopicOrPartition) && time.Since(began) < newTopic && pause(ctx, n); n++ {
			f, err = a.facts(ctx, spec.Name)
		}
		if err != nil {
			return nil, unavailable(ctx, err)
		}
		problems = append(problems, f.problems(spec)...)
		if f.compacted {
			problems = append(problems, fmt.Sprintf("topic %s is compacted: older events of an aggregate get lost; set its cleanup.policy to delete", f.name))
		}
	}
	return problems, nil
}

func (a *Admin) facts(ctx context.Context, topic string) (*topicFacts, error) {
	meta, err := kadm.NewClient(a.cl).Metadata(ctx, topic)
	if err == nil {
		err = meta.Topics[topic].Err
	}
	if err != nil {
		return nil, fmt.Errorf("look at topic %s: %w", topic, err)
	}
	f := &topicFacts{name: topic, partitions: len(meta.Topics[topic].Partitions), brokers: len(meta.Brokers)}
	for _, p := range meta.Topics[topic].Partitions {
		if n := len(p.Replicas); f.replicas == 0 || n < f.replicas {
			f.replicas = n
		}
	}
	described, err := kadm.NewClient(a.cl).DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("read the configs of topic %s: %w", topic, err)
	}
	for _, resource := range described { // none of them where it isn't allowed
		for _, c := range resource.Configs {
			f.set(c.Key, c.MaybeValue())
		}
	}
	return f, nil
}

func (f *topicFacts) set(config, value string) {
	number, _ := strconv.Atoi(value) // 0 where it is none
	switch config {
	case "min.insync.replicas":
		f.insync = number
	case "max.message.bytes":
		f.maxBytes = number
	case "cleanup.policy":
		f.compacted = slices.Contains(strings.Split(value, ","), "compact")
	}
}

// problems returns what may be said of topics of any kind.
func (f *topicFacts) problems(spec TopicSpec) (all []string) {
	say := func(is bool, format string, args ...any) {
		if is {
			all = append(all, "topic "+f.name+" "+fmt.Sprintf(format, args...))
		}
	}
	say(spec.Partitions > 0 && f.partitions != spec.Partitions,
		"has %d partitions and not %d, as configured: topics that exist are left as they are", f.partitions, spec.Partitions)
	say(spec.ReplicationFactor > f.replicas,
		"has %d replicas and not %d, as configured: add replicas", f.replicas, spec.ReplicationFactor)
	say(spec.ReplicationFactor == 0 && f.replicas == 1 && f.brokers > 1,
		"is on one of %d brokers only, and gone with it: add replicas, and configure a replication factor for new topics", f.brokers)
	say(f.insync > f.replicas,
		"takes nothing: its min.insync.replicas is %d, and it has %d replicas", f.insync, f.replicas)
	say(f.insync == 1 && f.replicas > 1,
		"may lose what was acknowledged when a broker dies: set its min.insync.replicas to %d", f.replicas/2+1)
	say(f.maxBytes > 0 && f.maxBytes < usualBytes,
		"takes records of up to %d bytes (max.message.bytes): larger events are parked", f.maxBytes)
	return all
}
