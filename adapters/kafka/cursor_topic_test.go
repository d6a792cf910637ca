package kafka_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/application/relaying"
)

func TestCursorTopicIsMade(t *testing.T) {
	t.Parallel()
	r := newLaneRig(t)
	r.node(func(c *kafka.LanesConfig) { c.CursorTopic = "mine" }).take(0)
	adm := kadm.NewClient(r.cl)
	topics, err := adm.ListTopics(t.Context(), "mine")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(topics["mine"].Partitions); n != relaying.MaxLanes {
		t.Errorf("%d partitions, want %d", n, relaying.MaxLanes)
	}
	configs, err := adm.DescribeTopicConfigs(t.Context(), "mine")
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	want := map[string]string{"cleanup.policy": "compact", "segment.bytes": "16777216", "segment.ms": "3600000", "min.cleanable.dirty.ratio": "0.1"}
	for _, c := range configs[0].Configs {
		if _, ok := want[c.Key]; ok {
			got[c.Key] = c.MaybeValue()
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWrongCursorTopicIsRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		spec kafka.TopicSpec
		want []string
	}{
		"policy": {
			kafka.TopicSpec{Partitions: relaying.MaxLanes},
			[]string{cursorTopic, `cleanup.policy "delete"`, `want "compact"`},
		},
		"two policies": {
			kafka.TopicSpec{Partitions: relaying.MaxLanes, Configs: map[string]string{"cleanup.policy": "compact,delete"}},
			[]string{cursorTopic, `cleanup.policy "compact,delete"`, `want "compact"`},
		},
		"records": {
			kafka.TopicSpec{
				Partitions: relaying.MaxLanes, Configs: map[string]string{"cleanup.policy": "compact", "max.message.bytes": "5000"},
			},
			[]string{cursorTopic, "records of up to 5000 bytes", "want 65536"},
		},
		"partitions": {
			kafka.TopicSpec{Partitions: 10, Configs: map[string]string{"cleanup.policy": "compact"}},
			[]string{cursorTopic, "has 10 partitions, want 64"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newLaneRig(t)
			tt.spec.Name = cursorTopic
			if err := newAdmin(t, r.broker).EnsureTopics(t.Context(), tt.spec); err != nil {
				t.Fatal(err)
			}
			_, _, err := r.node(nil).Take(t.Context(), r.log, 0)
			wantPermanent(t, err, tt.want...)
		})
	}
}
