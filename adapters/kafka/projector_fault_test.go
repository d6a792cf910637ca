package kafka_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/projection"
)

// TestProjectorChild is no test but a process of TestFaultProjectorsDieStandStillAndLoseConnections. Nothing but the checkpoint
// keeps its rows from being written twice.
func TestProjectorChild(t *testing.T) {
	broker := os.Getenv(childBroker)
	if broker == "" {
		t.Skip("only for the process that another test starts")
	}
	embeddedtest.EndWithParent()
	r := newRigOn(t, broker, os.Getenv(childDatabase))
	runner := r.runner(func(c *projection.RunnerConfig) { c.Projection.Repeats = projection.Allowed })
	if err := r.source(quickSession).Run(t.Context(), runner); err != nil {
		t.Fatal(err)
	}
}

// Three projectors share the partitions. One after the other is killed with -9 and started anew; now and then the server ends all
// their connections, and one stands still until the others have taken over what it had.
func TestFaultProjectorsDieStandStillAndLoseConnections(t *testing.T) {
	t.Parallel()
	const aggregates, each = 15, 100
	url := databaseURL(t)
	r := newRigOn(t, embeddedtest.Broker(t), url)
	r.createTopic()
	var children [3]*exec.Cmd
	start := func(i int) { children[i] = startProcess(t, "TestProjectorChild", r.cfg.Brokers[0], url) }
	for i := range children {
		start(i)
	}
	last := 0
	produce := func() {
		r.produce(records(aggregates, last+1, last+each)...)
		last += each
	}
	for round := range rounds(3, 30) {
		before := r.handledCount()
		produce()
		if round%3 == 1 {
			r.endSessions()
		}
		applicationtest.Eventually(t, func() error {
			if now := r.handledCount(); now < before+aggregates*each/10 {
				return fmt.Errorf("%d events handled, want progress from %d", now, before)
			}
			return nil
		})
		victim := round % len(children)
		if round%3 == 2 {
			stand := (victim + 1) % len(children)
			embeddedtest.Pause(t, children[stand])
			produce()
			r.wantApplied(aggregates, last)
			embeddedtest.Resume(t, children[stand])
			produce()
		}
		_ = children[victim].Process.Kill()
		_ = children[victim].Wait()
		start(victim)
	}
	r.wantApplied(aggregates, last)
}
