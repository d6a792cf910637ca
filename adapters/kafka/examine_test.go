package kafka

import (
	"strings"
	"testing"
)

func TestTopicsAreExamined(t *testing.T) {
	t.Parallel()
	good := topicFacts{name: "domain.thing.events", partitions: 6, replicas: 3, brokers: 3, insync: 2, maxBytes: usualBytes}
	for name, c := range map[string]struct {
		change func(*topicFacts)
		spec   TopicSpec
		want   string
	}{
		"nothing":                       {},
		"nothing that is configured":    {spec: TopicSpec{Partitions: 6, ReplicationFactor: 3}},
		"one broker":                    {change: func(f *topicFacts) { f.brokers, f.replicas, f.insync = 1, 1, 1 }},
		"configs that may not be read":  {change: func(f *topicFacts) { f.insync, f.maxBytes = 0, 0 }},
		"other partitions":              {spec: TopicSpec{Partitions: 12}, want: "has 6 partitions and not 12"},
		"fewer replicas":                {spec: TopicSpec{ReplicationFactor: 5}, want: "has 3 replicas and not 5"},
		"one replica of several":        {change: func(f *topicFacts) { f.replicas, f.insync = 1, 1 }, want: "is on one of 3 brokers only"},
		"more in sync than there are":   {change: func(f *topicFacts) { f.insync = 4 }, want: "takes nothing: its min.insync.replicas is 4"},
		"one in sync is enough for it":  {change: func(f *topicFacts) { f.insync = 1 }, want: "may lose what was acknowledged"},
		"smaller records than is usual": {change: func(f *topicFacts) { f.maxBytes = 5000 }, want: "takes records of up to 5000 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := good
			if c.change != nil {
				c.change(&f)
			}
			got := f.problems(c.spec)
			switch {
			case c.want == "" && len(got) > 0:
				t.Errorf("problems %q, want none", got)
			case c.want != "" && (len(got) != 1 || !strings.Contains(got[0], "topic domain.thing.events "+c.want)):
				t.Errorf("problems %q, want one with %q", got, c.want)
			}
		})
	}
}
