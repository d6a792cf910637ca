package kafka_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/eventlog"
)

func newAdmin(t testing.TB, brokers ...string) *kafka.Admin {
	t.Helper()
	admin, err := kafka.NewAdmin(kafka.Config{Brokers: brokers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(admin.Close)
	return admin
}

func TestAdminCreatesTopicsOnce(t *testing.T) {
	t.Parallel()
	r := newRigOn(t, embeddedtest.Broker(t), databaseURL(t))
	var instances sync.WaitGroup
	for range 4 {
		admin := newAdmin(t, r.cfg.Brokers...)
		instances.Go(func() {
			err := admin.EnsureTopics(t.Context(),
				kafka.TopicSpec{Name: "a", Partitions: 7, ReplicationFactor: 1, Configs: map[string]string{"cleanup.policy": "compact"}},
				kafka.TopicSpec{Name: "b"})
			if err != nil {
				t.Errorf("ensure topics: %v", err)
			}
		})
	}
	instances.Wait()
	adm := kadm.NewClient(r.cl)
	applicationtest.Eventually(t, func() error { // the broker learns of new topics after a moment
		topics, err := adm.ListTopics(t.Context(), "a", "b")
		if err != nil {
			return err
		}
		if a, b := len(topics["a"].Partitions), len(topics["b"].Partitions); a != 7 || b < 1 {
			return fmt.Errorf("topic a has %d partitions, want 7, and b %d, want the default", a, b)
		}
		return nil
	})
	configs, err := adm.DescribeTopicConfigs(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range configs[0].Configs {
		if c.Key == "cleanup.policy" && c.MaybeValue() != "compact" {
			t.Errorf("cleanup.policy is %q, want compact", c.MaybeValue())
		}
	}
}

func TestAdminLeavesAnExistingTopicAsItIs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := newAdmin(t, r.cfg.Brokers...).EnsureTopics(t.Context(), kafka.TopicSpec{Name: topic, Partitions: 50}); err != nil {
		t.Fatal(err)
	}
	topics, err := kadm.NewClient(r.cl).ListTopics(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(topics[topic].Partitions); n != partitions {
		t.Errorf("topic has %d partitions, want %d as before", n, partitions)
	}
}

func TestAdminErrorsNameTheTopic(t *testing.T) {
	t.Parallel()
	admin := newAdmin(t, embeddedtest.Broker(t))
	long := strings.Repeat("x", 250)
	for name, tt := range map[string]struct {
		spec kafka.TopicSpec
		want string
	}{
		"empty":       {kafka.TopicSpec{}, `""`},
		"dots":        {kafka.TopicSpec{Name: ".."}, `".."`},
		"long":        {kafka.TopicSpec{Name: long}, long},
		"character":   {kafka.TopicSpec{Name: "a/b"}, `'/'`},
		"partitions":  {kafka.TopicSpec{Name: "parts", Partitions: -2}, "topic parts: Partitions is -2"},
		"replication": {kafka.TopicSpec{Name: "parts", ReplicationFactor: 101}, "topic parts: ReplicationFactor is 101"},
		"by broker":   {kafka.TopicSpec{Name: "parts", ReplicationFactor: 50}, "create topic parts"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := admin.EnsureTopics(t.Context(), tt.spec)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("ensure topics: %v, want an error with %q", err, tt.want)
			}
			if errors.Is(err, eventlog.ErrUnavailable) {
				t.Errorf("ensure topics: %v, want an error that isn't ErrUnavailable", err)
			}
		})
	}
}

func TestAdminWithoutABroker(t *testing.T) {
	t.Parallel()
	admin := newAdmin(t, "127.0.0.1:1")
	if err := admin.Check(t.Context()); !errors.Is(err, eventlog.ErrUnavailable) {
		t.Errorf("check: %v, want ErrUnavailable", err)
	}
	if err := admin.EnsureTopics(t.Context(), kafka.TopicSpec{Name: "a"}); !errors.Is(err, eventlog.ErrUnavailable) {
		t.Errorf("ensure topics: %v, want ErrUnavailable", err)
	}
}

func TestAdminCheck(t *testing.T) {
	t.Parallel()
	admin := newAdmin(t, embeddedtest.Broker(t))
	if err := admin.Check(t.Context()); err != nil {
		t.Error(err)
	}
	admin.Close()
	admin.Close()
	if admin.Check(t.Context()) == nil {
		t.Error("check after Close succeeded")
	}
}

func TestAdminExaminesTopics(t *testing.T) {
	t.Parallel()
	admin := newAdmin(t, embeddedtest.Broker(t))
	spec := kafka.TopicSpec{Name: topic, Partitions: 3, Configs: map[string]string{"cleanup.policy": "compact", "max.message.bytes": "5000"}}
	if err := admin.EnsureTopics(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	spec.Partitions = 6
	problems, err := admin.Examine(t.Context(), spec) // of a topic that its broker may not know yet
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(problems, "\n")
	for _, want := range []string{"has 3 partitions and not 6", "is compacted", "takes records of up to 5000 bytes"} {
		if !strings.Contains(text, "topic "+topic+" "+want) {
			t.Errorf("problems %q don't mention %q", problems, want)
		}
	}
	if len(problems) != 3 {
		t.Errorf("problems %q, want 3", problems)
	}
}
