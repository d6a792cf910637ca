// Package embeddedtest gives tests real servers: a database or a broker of their own, made in
// milliseconds and gone when the test ends.
//
// [Database] and [DatabaseFrom] hand out databases on one server per test binary; [Server] starts one
// that a test may kill, [Broker] an in-process Kafka broker, [BrokerProcess] one that may be killed; both are an Apache
// Kafka where kafkatest.Chosen says so. A test binary calls [Main] from its TestMain, which stops the shared server at the end; without it the
// server still ends with the process, and its directory is removed by the next test binary. Test
// binaries that run at the same time do not meet.
package embeddedtest

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded/kafkatest"
)

// startTimeout is for a machine on which several test binaries compile and start at once.
const startTimeout = 2 * time.Minute

// Main runs the tests and stops the shared servers after them:
//
//	func TestMain(m *testing.M) { embeddedtest.Main(m) }
//
// [BrokerProcess] needs it too: the process it starts is this binary, which Main turns into a broker.
func Main(m *testing.M) {
	if spec, ok := os.LookupEnv(brokerEnv); ok {
		os.Exit(serveBroker(spec))
	}
	m.Run()
	shared.stop()
	if err := kafkatest.End(); err != nil {
		fmt.Fprintln(os.Stderr, "end the Kafka shared by the tests:", err)
	}
}

// EndWithParent ends this process soon after the one that started it. Processes that tests start and kill call it, so that a test
// that panics or runs out of time leaves none behind. On Windows it does nothing.
func EndWithParent() {
	parent := os.Getppid()
	go func() {
		for os.Getppid() == parent {
			time.Sleep(200 * time.Millisecond)
		}
		os.Exit(1)
	}()
}

func startContext() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), startTimeout)
}
