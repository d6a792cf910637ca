package memory_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/eventlog"
)

// relays starts relays of the log and stops them when the test ends.
func relays(t *testing.T, log *memory.Log, broker *memory.Broker, n int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, n)
	for range n {
		go func() { done <- memory.NewRelay(log, broker).Run(ctx) }()
	}
	t.Cleanup(func() {
		cancel()
		for range n {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

// has waits until the topic has n records and fails the test when it has more.
func has(t *testing.T, broker *memory.Broker, topic string, n int) {
	t.Helper()
	applicationtest.Eventually(t, func() error {
		records, err := broker.Records(t.Context(), topic)
		if err != nil || len(records) > n {
			t.Fatalf("%s has %d records, want %d; error %v", topic, len(records), n, err)
		}
		if len(records) < n {
			return fmt.Errorf("%s has %d records, want %d", topic, len(records), n)
		}
		return nil
	})
}

// TestRelayMissesNoCommit commits one record more, sooner or later while the relay is busy with a page of them: before it waits.
func TestRelayMissesNoCommit(t *testing.T) {
	t.Parallel()
	log, broker := memory.NewLog(), memory.NewBroker(1)
	relays(t, log, broker, 1)
	const rounds, size = 40, 400
	for round := range rounds {
		records := make([]eventlog.Record, size+1)
		for i := range records {
			records[i] = event(fmt.Sprintf("%d in %d", i, round))
			records[i].Topic = fmt.Sprint("round ", round)
		}
		commit(t, log, records[:size]...)
		for range round * 20 {
			runtime.Gosched()
		}
		commit(t, log, records[size])
		has(t, broker, records[size].Topic, size+1)
	}
}

// TestRelaysPublishOnceTogether has several relays after the same records.
func TestRelaysPublishOnceTogether(t *testing.T) {
	t.Parallel()
	log, broker := memory.NewLog(), memory.NewBroker(1)
	relays(t, log, broker, 4)
	const rounds, size = 100, 5
	for round := range rounds {
		var records []eventlog.Record
		for i := range size {
			records = append(records, event(fmt.Sprintf("%d in %d", i, round)))
		}
		commit(t, log, records...)
	}
	has(t, broker, "accounts", rounds*size)
}
