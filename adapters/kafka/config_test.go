package kafka_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/kafka"
)

func TestConfigErrorsNameTheSetting(t *testing.T) {
	t.Parallel()
	good := kafka.Config{Brokers: []string{"127.0.0.1:9092"}}
	source := kafka.SourceConfig{Group: "g", Topics: []string{"t"}}
	with := func(change func(*kafka.SourceConfig)) kafka.SourceConfig {
		c := source
		change(&c)
		return c
	}
	for name, tt := range map[string]struct {
		cfg    kafka.Config
		source kafka.SourceConfig
		want   []string
	}{
		"no brokers":   {kafka.Config{}, source, []string{"Brokers is empty", "host:port"}},
		"no port":      {kafka.Config{Brokers: []string{"a:1", "foo"}}, source, []string{`Brokers[1] is "foo"`, "missing port"}},
		"port":         {kafka.Config{Brokers: []string{"a:99999"}}, source, []string{`"99999"`, "1 to 65535"}},
		"host":         {kafka.Config{Brokers: []string{":9092"}}, source, []string{"host is empty"}},
		"group":        {good, kafka.SourceConfig{Topics: []string{"t"}}, []string{"Group is empty"}},
		"topics":       {good, kafka.SourceConfig{Group: "g"}, []string{"Topics is empty"}},
		"topic name":   {good, with(func(c *kafka.SourceConfig) { c.Topics = []string{"a b"} }), []string{"Topics[0]", `"a b"`, `' '`}},
		"batch":        {good, with(func(c *kafka.SourceConfig) { c.MaxBatch = -1 }), []string{"MaxBatch is -1"}},
		"buffered":     {good, with(func(c *kafka.SourceConfig) { c.MaxBuffered = -1 }), []string{"MaxBuffered is -1"}},
		"wait":         {good, with(func(c *kafka.SourceConfig) { c.MaxWait = -time.Second }), []string{"MaxWait is -1s"}},
		"grace":        {good, with(func(c *kafka.SourceConfig) { c.Grace = -time.Second }), []string{"Grace is -1s"}},
		"all together": {kafka.Config{}, kafka.SourceConfig{}, []string{"Brokers", "Group", "Topics"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := kafka.NewSource(tt.cfg, tt.source)
			if err == nil {
				t.Fatal("NewSource took it")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q doesn't say %q", err, want)
				}
			}
		})
	}
}

func TestConfigIsCheckedByAll(t *testing.T) {
	t.Parallel()
	if _, err := kafka.NewPublisher(kafka.Config{}); err == nil {
		t.Error("NewPublisher took no brokers")
	}
	if _, err := kafka.NewAdmin(kafka.Config{}); err == nil {
		t.Error("NewAdmin took no brokers")
	}
}
