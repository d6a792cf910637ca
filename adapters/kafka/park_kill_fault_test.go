package kafka_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/application/applicationtest"
)

const (
	childBroker   = "TENON_TEST_PARK_BROKER"
	childDatabase = "TENON_TEST_PARK_DATABASE"
)

func quickSession(c *kafka.SourceConfig) {
	c.MaxBatch, c.SessionTimeout = 9, 6*time.Second // what brokers allow at least
	c.Grace = time.Second                           // who died while it joined is waited for that much longer
}

// TestParkingChild is no test but the process that TestFaultProjectorsKilledWhileParking kills.
func TestParkingChild(t *testing.T) {
	broker := os.Getenv(childBroker)
	if broker == "" {
		t.Skip("only for the process that another test starts")
	}
	embeddedtest.EndWithParent()
	r := newRigOn(t, broker, os.Getenv(childDatabase))
	if err := r.source(quickSession).Run(t.Context(), r.runner(nil)); err != nil {
		t.Fatal(err)
	}
}

func startChild(t *testing.T, broker, database string) (kill func()) {
	t.Helper()
	cmd := startProcess(t, "TestParkingChild", broker, database)
	return func() {
		_ = cmd.Process.Kill() // twice does nothing
		_ = cmd.Wait()
	}
}

// startProcess starts a test of this program in a process of its own, which is killed when the test ends.
func startProcess(t *testing.T, test, broker, database string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^"+test+"$") //nolint:gosec,noctx // this program; killed below
	cmd.Env = append(os.Environ(), childBroker+"="+broker, childDatabase+"="+database)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// Two projectors at a time are killed with -9 while events are parked.
func TestFaultProjectorsKilledWhileParking(t *testing.T) {
	t.Parallel()
	url := databaseURL(t)
	r := newRigOn(t, embeddedtest.Broker(t), url)
	r.createTopic()
	s := poisonedStream(50, 60)
	rounds := 2
	if os.Getenv("TENON_TORTURE") != "" {
		rounds = 30
	}
	for round := range rounds {
		next := s.records[len(s.records)*round/rounds : len(s.records)*(round+1)/rounds]
		r.produce(next...)
		one, two := startChild(t, r.cfg.Brokers[0], url), startChild(t, r.cfg.Brokers[0], url)
		before := r.handledCount()
		applicationtest.Eventually(t, func() error {
			if now := r.handledCount(); now < before+len(next)/4 {
				return fmt.Errorf("%d events handled, want progress from %d", now, before)
			}
			return nil
		})
		one()
		two()
	}
	r.start(r.source(quickSession), r.runner(nil))
	r.settles(s)
	r.exactlyThoseParked(s)
	r.allApplied(s)
}
