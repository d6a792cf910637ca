package debezium_test

import (
	"context"
	"os"
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded/kafkatest"
	"github.com/tenon-go/tenon/adapters/relay/relaytest"
)

func rounds(few, torturing int) int {
	if os.Getenv("TENON_TORTURE") != "" {
		return torturing
	}
	return few
}

// A distributed worker with exactly-once support is killed again and again while units are committed whose positions, transaction
// ids and commits disagree in order.
func TestFaultDistributedWorkerKilledUnderLoad(t *testing.T) {
	t.Parallel()
	kafkatest.NeedDebezium(t)
	db, url := database(t)
	slot := capture(t, db, "killed")
	brokers := broker(t)
	c := connector(t, url, "killed")
	c.Distributed = true
	ctx, stop := context.WithCancel(t.Context())
	load := relaytest.StartLoad(ctx, db, 1)
	defer load.Wait()
	defer stop()
	w := worker(t, brokers, c, slot)
	for range rounds(1, 5) {
		load.Passes(t, 200)
		if err := w.Kill(); err != nil {
			t.Fatal(err)
		}
		load.Passes(t, 200)
		if err := w.Restart(); err != nil {
			t.Fatal(err)
		}
		streams(t, w, slot)
	}
	load.Passes(t, 200)
	stop()
	load.Wait()
	relaytest.CheckOnce(t, db, brokers)
}
