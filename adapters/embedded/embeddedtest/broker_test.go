package embeddedtest_test

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
)

func TestBrokerProcessKeepsRecordsAndAddressOverKill(t *testing.T) {
	t.Parallel()
	p := embeddedtest.BrokerProcess(t, t.TempDir())
	before := p.Addr()
	produce(t, p.Addr(), "t", "survivor")
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	if got := consume(t, p.Addr(), "t"); got != "survivor" {
		t.Errorf("record after kill -9: %q, want survivor", got)
	}
	if p.Addr() != before {
		t.Errorf("address after restart: %s, want %s", p.Addr(), before)
	}
}

func produce(t testing.TB, addr, topic, value string) {
	t.Helper()
	cl := client(t, addr)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(value)}).FirstErr(); err != nil {
		t.Fatalf("produce: %v", err)
	}
}

// consume returns the first record of the topic.
func consume(t testing.TB, addr, topic string) string {
	t.Helper()
	cl := client(t, addr, kgo.ConsumeTopics(topic))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		for _, r := range cl.PollFetches(ctx).Records() {
			return string(r.Value)
		}
	}
	t.Fatalf("consume: %v", ctx.Err())
	return ""
}

func client(t testing.TB, addr string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	opts = append([]kgo.Opt{kgo.SeedBrokers(addr), kgo.AllowAutoTopicCreation()}, opts...)
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}
