package debezium_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/debezium"
	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/embedded/kafkatest"
	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay/lanes"
	"github.com/tenon-go/tenon/application/applicationtest"
)

// connectorName is the connector's name where a worker wants one.
const connectorName = "outbox"

// partitions is of every topic, whoever makes it.
const partitions = 3

// must takes the results of a call and returns what gives the value to a test, or fails it: must(f())(t).
func must[V any](v V, err error) func(testing.TB) V {
	return func(t testing.TB) V {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// database returns a migrated database on a server of the test's own that can be captured, and its URL.
func database(t testing.TB) (*postgres.DB, string) {
	t.Helper()
	url := embeddedtest.Server(t, embeddedtest.Parameter("wal_level", "logical")).URL()
	db := must(postgres.Open(t.Context(), postgres.Config{URL: url}))(t)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	if err := postgres.Migrate(t.Context(), db, postgres.KernelSchema()); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Pool().Exec(string(must(os.ReadFile(deployed + "role.sql"))(t))); err != nil {
		t.Fatal(err)
	}
	return db, url
}

// deployed is where the files are that users take.
const deployed = "../../deploy/debezium/"

// workerProperties are the shipped ones of a worker.
func workerProperties(t testing.TB, distributed bool) map[string]string {
	t.Helper()
	name := "worker-standalone.properties"
	if distributed {
		name = "worker-distributed.properties"
	}
	all := make(map[string]string)
	for line := range strings.Lines(string(must(os.ReadFile(deployed + name))(t))) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(line, "#") {
			all[key] = value
		}
	}
	return all
}

// broker returns the address of an Apache Kafka whose topics have as many partitions as those that programs make.
func broker(t testing.TB) string {
	t.Helper()
	return kafkatest.Lend(t).Addr()
}

// capture makes the slot of that name.
func capture(t testing.TB, db *postgres.DB, slot string) *postgres.Capture {
	t.Helper()
	c := postgres.NewCapture(db, slot)
	if made := must(c.Make(t.Context()))(t); !made {
		t.Fatalf("slot %s was there", slot)
	}
	return c
}

// connector is the connector of the test's server, under the role that users are told to make.
func connector(t testing.TB, url, slot string) debezium.Connector {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret.properties")
	if err := os.WriteFile(secret, []byte("password=change me\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return debezium.Connector{
		DatabaseURL: url, User: "debezium", Password: "${file:" + secret + ":password}", Slot: slot, Publication: postgres.CapturePublication, Columns: postgres.CaptureColumns(),
		Partitions: partitions, Heartbeat: 500 * time.Millisecond, Poll: 20 * time.Millisecond,
	}
}

// worker runs the connector until the test ends, and returns when it streams.
func worker(t testing.TB, brokers string, c debezium.Connector, capture *postgres.Capture) *kafkatest.Connect {
	t.Helper()
	settings := must(c.Settings())(t)
	opts := kafkatest.ConnectOptions{Brokers: brokers, Worker: workerProperties(t, c.Distributed)}
	if !c.Distributed {
		opts.Standalone = debezium.Properties(connectorName, settings)
	}
	w := kafkatest.StartConnect(t, opts)
	if c.Distributed {
		if err := w.Put(t.Context(), connectorName, must(debezium.JSON(settings))(t)); err != nil {
			t.Fatal(err)
		}
	}
	streams(t, w, capture)
	return w
}

// streams waits until the connector reads the slot. A task that runs may still fail before.
func streams(t testing.TB, w *kafkatest.Connect, capture *postgres.Capture) {
	t.Helper()
	if err := w.AwaitTask(t.Context(), connectorName); err != nil {
		t.Fatal(err)
	}
	applicationtest.Eventually(t, func() error {
		status, err := capture.Status(t.Context())
		if err == nil && !status.Active {
			err = errors.New("nobody reads the slot")
		}
		return err
	})
}

// relayed runs the exactly-once relay until the function it returns is called.
func relayed(t testing.TB, db *postgres.DB, brokers string, cfg kafka.LanesConfig) (end func()) {
	t.Helper()
	cfg.Partitions = partitions
	target := must(kafka.NewLanes(kafka.Config{Brokers: []string{brokers}}, cfg))(t)
	board := must(postgres.NewRelayBoard(db, postgres.RelayBoardConfig{}))(t)
	log, members := postgres.NewLaneLog(db), postgres.NewRelayMembers(db)
	r := must(lanes.New(lanes.Config{
		Log: log, Boundary: log, Target: target, Members: members, Layouts: members, Board: board, Wake: db.Signal(), Poll: log.Changed,
		PollInterval: 50 * time.Millisecond, Lease: 2 * time.Second,
	}))(t)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	ended := false
	end = func() {
		if ended {
			return
		}
		ended = true
		stop()
		if err := <-done; err != nil {
			t.Errorf("relay: %v", err)
		}
		target.Close()
	}
	t.Cleanup(end)
	return end
}
