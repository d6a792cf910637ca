package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/domain"
)

// TestFaultProjectionLogNodesDie runs three nodes under load that stop and start, while the server ends their sessions.
func TestFaultProjectionLogNodesDie(t *testing.T) {
	t.Parallel()
	rounds, versions := 8, 40
	if torture() {
		rounds, versions = 60, 300
	}
	url := migratedURL(t)
	db := openForStepsAt(t, url)
	rival := openConfig(t, postgres.Config{URL: url, MaxConns: 24, AppName: "rival"})
	const things, nodes = 8, 3
	stops := make([]func(), nodes)
	start := func() func() {
		return logRunner(t, rival, steps(thingTopic), func(c *postgres.ProjectionLogConfig) { c.Lease = 100 * time.Millisecond })
	}
	for n := range stops {
		stops[n] = start()
	}
	var writers sync.WaitGroup
	for n := range things {
		writers.Go(func() { appendChanges(t, db, fmt.Sprintf("thing-%d", n), 1, domain.Version(versions), "{}") })
	}
	for range rounds {
		_, err := db.Pool().ExecContext(context.WithoutCancel(t.Context()), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'rival' AND random() < 0.5`)
		if err != nil {
			t.Fatal(err)
		}
		n := rand.N(nodes)
		stops[n]()
		stops[n] = start()
	}
	writers.Wait()
	wantSteps(t, db, things, versions)
}
