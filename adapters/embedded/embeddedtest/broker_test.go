package embeddedtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestBrokersAreApart(t *testing.T) {
	t.Parallel()
	a, b := Broker(t), Broker(t)
	produce(t, a, "a")
	produce(t, b, "b")
	if got := consume(t, b, 1); !slices.Equal(got, []string{"b"}) {
		t.Errorf("records of the second broker: %q", got)
	}
}

func TestBrokerInDirectoryRemembers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	t.Run("first", func(t *testing.T) { produce(t, Broker(t, InDir(dir)), "kept") })
	if got := consume(t, Broker(t, InDir(dir)), 1); !slices.Equal(got, []string{"kept"}) {
		t.Errorf("records of the second broker: %q", got)
	}
}

// The topic too: it was made on demand, which the broker itself would remember only if it was stopped.
func TestBrokerProcessKeepsAcknowledgedRecordsOverKills(t *testing.T) {
	t.Parallel()
	p := BrokerProcess(t, t.TempDir(), Partitions(1))
	before := p.Addr()
	var want []string
	for round := range 4 {
		for n := range 25 {
			want = append(want, fmt.Sprintf("%d.%d", round, n))
		}
		produce(t, p.Addr(), want[round*25:]...)
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
	}
	if got := consume(t, p.Addr(), len(want)); !slices.Equal(got, want) {
		t.Errorf("records after four kills: %q, want %q", got, want)
	}
	if p.Addr() != before {
		t.Errorf("address: %s, want %s", p.Addr(), before)
	}
}

func TestBrokerProcessStopsInGoodOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := BrokerProcess(t, dir, Partitions(1))
	produce(t, p.Addr(), "kept")
	for range 2 {
		if err := p.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	snapshot := filepath.Join(dir, "kafka", "partitions", "records-0", "snapshot.json")
	if _, err := os.Stat(snapshot); err != nil {
		t.Errorf("the stopped broker has not written its state: %v", err)
	}
	for range 2 {
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
	}
	if got := consume(t, p.Addr(), 1); !slices.Equal(got, []string{"kept"}) {
		t.Errorf("records after a stop: %q", got)
	}
}

func TestBrokerProcessThatCannotStartFailsTheTest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	Broker(t, InDir(dir)) // holds the directory
	said := failure(t, func(t testing.TB) { BrokerProcess(t, dir) })
	if !strings.Contains(said, "its address") {
		t.Errorf("failure %q, want that it did not tell its address", said)
	}
}

func produce(t testing.TB, addr string, values ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cl := client(t, addr)
	for _, value := range values {
		record := &kgo.Record{Topic: "records", Value: []byte(value)}
		if err := cl.ProduceSync(ctx, record).FirstErr(); err != nil {
			t.Fatalf("produce %s: %v", value, err)
		}
	}
}

// consume returns the first n records.
func consume(t testing.TB, addr string, n int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cl := client(t, addr, kgo.ConsumeTopics("records"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	var values []string
	for len(values) < n && ctx.Err() == nil {
		for _, r := range cl.PollFetches(ctx).Records() {
			values = append(values, string(r.Value))
		}
	}
	return values
}

func client(t testing.TB, addr string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(addr), kgo.AllowAutoTopicCreation()}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}
