package rebuild_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/postgres/rebuild"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// startNode starts a process that feeds version 2.
func startNode(t *testing.T, url string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0]) //nolint:gosec // this test itself
	cmd.Env = append(os.Environ(), asNode+"="+url)
	cmd.Stderr = os.Stderr
	check(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// fill appends so many events of each of the things, in turn.
func fill(t *testing.T, db *postgres.DB, things, versions int) {
	t.Helper()
	for v := 1; v <= versions; v++ {
		for from := 0; from < things; from += 500 {
			var batch []eventlog.Record
			for i := from; i < min(from+500, things); i++ {
				batch = append(batch, eventlog.Record{
					ID: uuid.Must(uuid.NewV7()), Topic: topic, AggregateType: "thing", AggregateID: fmt.Sprintf("filled-%d", i), Version: domain.Version(v),
					Type: "thing.added", SchemaVersion: 1, Payload: fmt.Appendf(nil, `{"n":%d}`, v), RecordedAt: time.Now(),
				})
			}
			tx, err := db.Begin(t.Context())
			check(t, err)
			check(t, errors.Join(tx.Append(t.Context(), batch), tx.Commit(t.Context())))
		}
	}
}

// TestFaultRebuildIsKilledWhileCommandsGoOn kills the node that builds, once the build has begun.
func TestFaultRebuildIsKilledWhileCommandsGoOn(t *testing.T) {
	t.Parallel()
	filled, versions := 500, 20
	if os.Getenv("TENON_TORTURE") != "" {
		filled, versions = 2000, 100
	}
	url := databaseURL(t)
	db := open(t, url)
	fill(t, db, filled, versions)
	run(t, config(db, things(1)))
	wantFold(t, db, view, 1)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var writers sync.WaitGroup
	defer writers.Wait()
	defer cancel()
	for w := range 3 {
		writers.Go(func() {
			for v := 1; ctx.Err() == nil; v++ {
				if err := add(db, fmt.Sprintf("live-%d", w), v, v, ""); err != nil {
					t.Errorf("a command failed: %v", err)
					return
				}
			}
		})
	}
	watch := watchView(t, db)
	built := rebuild.NewVersions(db)
	done := func() float64 {
		v, err := built.Get(t.Context(), name, 2)
		if err != nil {
			return 0
		}
		p, err := built.Progress(t.Context(), v)
		check(t, err)
		return p.Done
	}
	first := startNode(t, url)
	eventually(t, func() error {
		if d := done(); d < 0.1 {
			return fmt.Errorf("%.2f is built", d)
		}
		return nil
	})
	check(t, first.Process.Kill())
	_ = first.Wait()
	rows := value[int](t, db, `SELECT count(*) FROM shop.things_v2`)
	before := done()
	t.Logf("killed at %.0f %%, with %d rows of %d", 100*before, rows, filled)
	wantState(t, db, 2, rebuild.Building, "")
	wantState(t, db, 1, rebuild.Serving, "")
	startNode(t, url)
	if d := done(); d < before {
		t.Errorf("it began anew: at %.2f after %.2f", d, before)
	}
	wantState(t, db, 2, rebuild.Serving, "")
	cancel()
	writers.Wait()
	wantFold(t, db, view, 2)
	wantFold(t, db, "shop.things_v1", 1)
	watch.end(t, 2)
}
