// Package kafkatest runs Apache Kafka for tests: real brokers in KRaft mode on free ports of the loopback interface.
//
// [Start] starts a [Cluster] of one broker or three that the test may kill, pause and restart. [Lend] hands out a single broker
// that other tests have used before and nothing has been left on, which costs a few milliseconds instead of a second. The
// files come from Maven at first use and stay in the user's cache directory. Where Java or Maven is missing the test is
// skipped with a message that says so, and in CI (the variable CI is set) it fails.
//
// All of that only where [Chosen] says so: else tests that need a real Kafka are skipped, and embeddedtest's brokers are in-process ones.
// A test binary calls [End] when its tests are over. Without that, on Linux, the brokers still end with the process, however it ends.
package kafkatest

import (
	"context"
	"os"
	"testing"
	"time"
)

// ChoiceEnv is the variable that chooses the broker of the tests: "real" is Apache Kafka.
const ChoiceEnv = "TENON_TEST_KAFKA"

// The limits are for a machine on which several test binaries compile and start at once.
const (
	startTimeout   = 2 * time.Minute
	installTimeout = 10 * time.Minute
	stopTimeout    = 30 * time.Second
	cleanTimeout   = 20 * time.Second
)

// Chosen reports whether TENON_TEST_KAFKA is real.
func Chosen() bool { return os.Getenv(ChoiceEnv) == "real" }

// Options describe a cluster. The zero value is one broker.
type Options struct {
	// Brokers is 1 (or 0) or 3. Three keep each topic three times and acknowledge what two of them have (min.insync.replicas 2).
	Brokers int
	// Properties of the servers, over those of this package.
	Properties map[string]string
	// Secure, if not nil, gives the brokers a second address that wants users.
	Secure *Secure
	// Lasting gives the virtual machines the memory, collector and compilers that Kafka's own scripts do, for measuring. Without it
	// they start sooner and serve slower.
	Lasting bool
}

// Start starts a cluster of the test's own and returns when all its brokers serve. It ends with the test.
func Start(t testing.TB, opts Options) *Cluster {
	t.Helper()
	in := need(t)
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	c, err := startCluster(ctx, in, opts)
	if err != nil {
		t.Fatalf("start Kafka for the test: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(c.story())
		}
		if err := c.end(); err != nil {
			t.Errorf("end the test's Kafka: %v", err)
		}
	})
	return c
}

// Lend returns a single broker without topics and groups, which is the test's alone until it ends. The test may kill and restart it.
// Topics without a number of partitions get 6, and are created when a client asks for them.
func Lend(t testing.TB) *Cluster {
	t.Helper()
	in := need(t)
	c, err := shared.take(in)
	if err != nil {
		t.Fatalf("start Kafka for the test: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(c.story())
		}
		if err := shared.giveBack(c, t.Failed()); err != nil {
			t.Errorf("end the test's Kafka: %v", err)
		}
	})
	return c
}

// End ends the brokers that are waiting to be lent. The tests are over: what goes wrong is returned to be reported.
func End() error { return shared.end() }
