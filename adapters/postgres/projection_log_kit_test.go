package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
)

// steps is a projection that notes each event of things in the table steps, in the order in which it comes. Nothing but its place
// keeps it from noting one twice.
func steps(topics ...string) projection.Projection {
	return projection.Projection{
		Name: "steps", Version: 1, Topics: topics, Types: []string{"thing.changed"}, Repeats: projection.Allowed,
		Apply: func(ctx context.Context, tx eventlog.Tx, batch []projection.Event) error {
			for _, e := range batch {
				if bad := e.Event.(changed).Bad; bad != "" {
					return errors.New(bad)
				}
				_, err := postgres.SQL(tx).ExecContext(ctx, `INSERT INTO steps (thing, version, topic) VALUES ($1, $2, $3)`,
					e.AggregateID, int64(e.Version), e.Topic)
				if err != nil {
					return postgres.Wrap(ctx, err)
				}
			}
			return nil
		},
	}
}

const thingTopic = "domain.thing.events"

func openForSteps(t testing.TB) *postgres.DB {
	t.Helper()
	return openForStepsAt(t, migratedURL(t))
}

func openForStepsAt(t testing.TB, url string) *postgres.DB {
	t.Helper()
	db := openConfig(t, postgres.Config{URL: url, MaxConns: 24})
	exec(t, db, `CREATE TABLE steps (n bigserial, thing text, version bigint, topic text)`)
	return db
}

func thingCodec() codec.Codec {
	types := new(codec.Types)
	codec.Register[changed](types, "thing.changed", 1)
	return codec.JSON{Types: types}
}

// logRunner runs a projection on the log as one node does, until the test ends or stop is called.
func logRunner(t testing.TB, db *postgres.DB, p projection.Projection, change func(*postgres.ProjectionLogConfig)) (stop func()) {
	t.Helper()
	cfg := postgres.ProjectionLogConfig{
		Projection: p, Lanes: 2, Batch: 7, PollInterval: 20 * time.Millisecond, Lease: time.Second, Signal: new(eventlog.Signal),
	}
	if change != nil {
		change(&cfg)
	}
	feed := must(postgres.NewProjectionLog(db, cfg))(t)
	runner := must(projection.NewRunner(projection.RunnerConfig{
		Projection: p, Store: db, Checkpoints: feed, Codec: thingCodec(), Parking: postgres.NewDeadLetters(db),
		Retries: -1, MinBackoff: time.Millisecond, MaxBackoff: 20 * time.Millisecond,
	}))(t)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx, feed) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// wantSteps waits until versions 1 to last of things 0 to n-1 are noted, and fails when one is there twice or out of order.
func wantSteps(t testing.TB, db *postgres.DB, things, last int) {
	t.Helper()
	applicationtest.Eventually(t, func() error {
		var rows []struct {
			Thing   string `db:"thing"`
			Version int64  `db:"version"`
		}
		if err := db.Pool().SelectContext(t.Context(), &rows, `SELECT thing, version FROM steps ORDER BY n`); err != nil {
			return nil //nolint:nilerr // a connection that the test has broken
		}
		reached := make(map[string]int64)
		for _, r := range rows {
			if reached[r.Thing]++; reached[r.Thing] != r.Version {
				t.Fatalf("%s: version %d came where %d was due", r.Thing, r.Version, reached[r.Thing])
			}
		}
		for n := range things {
			if got := reached[fmt.Sprintf("thing-%d", n)]; got != int64(last) {
				return fmt.Errorf("thing-%d is at version %d, want %d", n, got, last)
			}
		}
		return nil
	})
}

// cutShort hands a runner 17 events of a batch and then fails.
type cutShort struct{ *projection.Runner }

func (c cutShort) Handle(ctx context.Context, p projection.Partition, from int64, batch []projection.Delivery) (int64, error) {
	next, err := c.Runner.Handle(ctx, p, from, batch[:17])
	return next, errors.Join(err, errors.New("the node died"))
}

// collecting is a handler that keeps what is delivered to it.
type collecting struct{ batches chan []projection.Delivery }

func (*collecting) Start(context.Context, projection.Partition) (int64, error) { return 0, nil }

func (h *collecting) Handle(_ context.Context, _ projection.Partition, _ int64, batch []projection.Delivery) (int64, error) {
	h.batches <- slices.Clone(batch)
	return batch[len(batch)-1].Offset + 1, nil
}

// runFeed runs a feed with a handler until the test ends.
func runFeed(t testing.TB, feed *postgres.ProjectionLog, h projection.Handler) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- feed.Run(ctx, h) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// paused hands over its first batch only when it is told to, and tells what came of it.
type paused struct {
	*projection.Runner
	first      sync.Once
	came, goOn chan struct{}
	result     chan error
}

func (h *paused) Handle(ctx context.Context, p projection.Partition, from int64, batch []projection.Delivery) (next int64, err error) {
	waited := false
	h.first.Do(func() {
		close(h.came)
		<-h.goOn
		next, err = h.Runner.Handle(ctx, p, from, batch)
		h.result <- err
		waited = true
	})
	if waited {
		return next, err
	}
	return h.Runner.Handle(ctx, p, from, batch)
}
