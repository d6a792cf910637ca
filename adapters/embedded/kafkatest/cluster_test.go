package kafkatest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestBrokerKeepsAcknowledgedRecordsOverKills(t *testing.T) {
	t.Parallel()
	c := Start(t, Options{Properties: map[string]string{"num.partitions": "1"}})
	before := c.Addr()
	var want []string
	for round, end := range []func(...int) error{c.Kill, c.Stop} {
		for n := range 20 {
			want = append(want, fmt.Sprintf("%d.%d", round, n))
		}
		produce(t, c.Brokers(), "kept", want[round*20:]...)
		for range 2 {
			if err := end(0); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if err := c.Restart(0); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := consume(t, c.Brokers(), "kept", len(want)); !slices.Equal(got, want) {
		t.Errorf("records after a kill and a stop: %q, want %q", got, want)
	}
	if c.Addr() != before {
		t.Errorf("address %s, want %s as before", c.Addr(), before)
	}
}

func TestThreeBrokersReplicateAndAPausedOneIsSilent(t *testing.T) {
	t.Parallel()
	c := Start(t, Options{Brokers: 3})
	produce(t, c.Brokers(), "kept", "a")
	adm := kadm.NewClient(client(t, c.Brokers()))
	topics, err := adm.ListTopics(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range topics["kept"].Partitions.Sorted() {
		if len(p.Replicas) != 3 {
			t.Errorf("partition %d has %d replicas, want 3", p.Partition, len(p.Replicas))
		}
	}
	if err := c.Pause(1); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if client(t, c.Brokers()[1:2]).Ping(ctx) == nil {
		t.Error("broker 1 answers although it is paused")
	}
	if err := c.Resume(1); err != nil {
		t.Fatal(err)
	}
	if err := client(t, c.Brokers()[1:2]).Ping(t.Context()); err != nil {
		t.Errorf("broker 1 after its pause: %v", err)
	}
}

func TestOtherNumbersOfBrokersAreRefused(t *testing.T) {
	t.Parallel()
	if _, err := newCluster(t.Context(), nil, Options{Brokers: 2}); err == nil {
		t.Error("two brokers were accepted")
	}
}

func TestLentBrokerIsUsedAgainAndEmpty(t *testing.T) {
	t.Parallel()
	in := need(t)
	var l lender
	first := lend(t, &l, in)
	produce(t, first.Brokers(), "left", "a", "b")
	cl := client(t, first.Brokers(), kgo.ConsumerGroup("left"), kgo.ConsumeTopics("left"))
	if got := cl.PollFetches(t.Context()).Records(); len(got) == 0 {
		t.Fatal("the group got nothing")
	}
	cl.Close() // leaves the group
	if err := l.giveBack(first, false); err != nil {
		t.Fatal(err)
	}
	second := lend(t, &l, in)
	if second != first {
		t.Error("another broker was lent although the first was given back")
	}
	adm := kadm.NewClient(client(t, second.Brokers()))
	topics, err := adm.ListTopics(t.Context())
	if err != nil || len(topics) != 0 {
		t.Errorf("topics of a broker that was lent again: %v, %v", topics.Names(), err)
	}
	groups, err := adm.ListGroups(t.Context())
	if err != nil || len(groups) != 0 {
		t.Errorf("groups of a broker that was lent again: %v, %v", groups.Groups(), err)
	}
}

// A record that waits for a restarting broker meets the deleted topic's limit, if it is still known.
func TestLentBrokerHasForgottenTopicConfigs(t *testing.T) {
	t.Parallel()
	in := need(t)
	var l lender
	first := lend(t, &l, in)
	limit := "5000"
	configs := map[string]*string{"max.message.bytes": &limit}
	if _, err := kadm.NewClient(client(t, first.Brokers())).CreateTopic(t.Context(), 1, 1, configs, "left"); err != nil {
		t.Fatal(err)
	}
	if err := l.giveBack(first, false); err != nil {
		t.Fatal(err)
	}
	second := lend(t, &l, in)
	cl := client(t, second.Brokers(), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "left"}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if err := second.Kill(0); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	cl.Produce(t.Context(), &kgo.Record{Topic: "left", Value: make([]byte, 6000)}, func(_ *kgo.Record, err error) { written <- err })
	if err := second.Restart(0); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Errorf("a record that is larger than a former topic of this name allowed: %v", err)
	}
}

func TestLentBrokerThatIsStillInUseIsEnded(t *testing.T) {
	t.Parallel()
	in := need(t)
	var l lender
	for name, use := range map[string]func(*Cluster){
		"member": func(c *Cluster) {
			produce(t, c.Brokers(), "left", "a")
			consume(t, c.Brokers(), "left", 1, kgo.ConsumerGroup("left"))
		},
		"transaction": func(c *Cluster) {
			cl := client(t, c.Brokers(), kgo.TransactionalID("left"))
			if err := cl.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "left"}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		},
		"killed": func(c *Cluster) {
			if err := c.Kill(0); err != nil {
				t.Fatal(err)
			}
		},
	} {
		c := lend(t, &l, in)
		use(c)
		if err := l.giveBack(c, false); err != nil {
			t.Fatal(err)
		}
		if len(l.idle) != 0 || c.runs() {
			t.Errorf("%s: the broker is kept for the next test", name)
		}
	}
}

func lend(t testing.TB, l *lender, in *install) *Cluster {
	t.Helper()
	c, err := l.take(in)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.end(); err != nil {
			t.Error(err)
		}
	})
	return c
}
