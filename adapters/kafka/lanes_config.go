package kafka

import (
	"errors"
	"fmt"
	"time"

	"github.com/tenon-go/tenon/application/relaying"
)

// LanesConfig says where lanes keep their progress and how they publish.
type LanesConfig struct {
	CursorTopic       string // where progress is stored; empty: tenon.relay.cursors
	CursorReplication int    // of that topic when it is created; 0: the broker's default

	Prefix    string // of the transactional ids, for ACLs by prefix; empty: tenon
	Producers int    // a lane's transactional ids, 1 to 16: several in turn hide what a broker does after a commit; 0: 3

	TransactionTimeout time.Duration // after which brokers abort what a silent relay began; 0: 15 s
	CommitTimeout      time.Duration // for one Commit, after which its outcome counts as unknown; 0: 20 s
	TakeTimeout        time.Duration // for one Take; 0: 30 s

	Existing          bool // topics of records are made by somebody else: missing ones are waited for
	Partitions        int  // of topics that are created; 0: the broker's default
	ReplicationFactor int  // of topics that are created; 0: the broker's default

	CloudEvents bool   // CloudEvents' headers (binary mode) in addition
	Source      string // their ce_source; empty: tenon
}

const maxProducers = 16

// checked returns c with its defaults, or all that is wrong with it, joined.
func (c LanesConfig) checked() (LanesConfig, error) {
	var errs []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("kafka lanes: "+format, args...))
		}
	}
	for _, text := range []struct {
		value    *string
		fallback string
	}{{&c.CursorTopic, "tenon.relay.cursors"}, {&c.Prefix, "tenon"}, {&c.Source, "tenon"}} {
		if *text.value == "" {
			*text.value = text.fallback
		}
	}
	for _, spec := range []TopicSpec{c.cursorSpec(), c.topicSpec("records")} {
		if err := spec.check(); err != nil {
			errs = append(errs, fmt.Errorf("kafka lanes: %w", err))
		}
	}
	want(c.Producers >= 0 && c.Producers <= maxProducers, "Producers is %d, want 1 to %d, or 0 for 3", c.Producers, maxProducers)
	if c.Producers == 0 {
		c.Producers = 3
	}
	for _, d := range []struct {
		name     string
		value    *time.Duration
		fallback time.Duration
	}{
		{"TransactionTimeout", &c.TransactionTimeout, 15 * time.Second},
		{"CommitTimeout", &c.CommitTimeout, 20 * time.Second},
		{"TakeTimeout", &c.TakeTimeout, 30 * time.Second},
	} {
		want(*d.value >= 0, "%s is %v, want a duration from 0", d.name, *d.value)
		if *d.value == 0 {
			*d.value = d.fallback
		}
	}
	return c, errors.Join(errs...)
}

// cursorSpec has small segments, because the newest segment isn't compacted.
func (c LanesConfig) cursorSpec() TopicSpec {
	return TopicSpec{
		Name: c.CursorTopic, Partitions: relaying.MaxLanes, ReplicationFactor: c.CursorReplication,
		Configs: map[string]string{
			"cleanup.policy":            "compact",
			"segment.bytes":             "16777216",
			"segment.ms":                "3600000",
			"min.cleanable.dirty.ratio": "0.1",
		},
	}
}

func (c LanesConfig) topicSpec(name string) TopicSpec {
	return TopicSpec{Name: name, Partitions: c.Partitions, ReplicationFactor: c.ReplicationFactor}
}
