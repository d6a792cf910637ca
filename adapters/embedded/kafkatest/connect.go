package kafkatest

import (
	"context"
	_ "embed"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded/internal/child"
	"github.com/tenon-go/tenon/adapters/embedded/internal/freeport"
	"github.com/tenon-go/tenon/adapters/embedded/internal/rundir"
)

//go:embed testdata/connect.xml
var connectPOM []byte

// DebeziumEnv is the variable that asks for the tests with Debezium: "real".
const DebeziumEnv = "TENON_TEST_DEBEZIUM"

// ConnectOptions describe a worker of Kafka Connect.
type ConnectOptions struct {
	Brokers string // comma separated

	// Standalone is the connector's properties file. Empty: a distributed worker, which is told its connectors by [Connect.Put].
	Standalone string

	// Worker are the worker's properties as a user has them. What says where things are and how often they are kept is this
	// package's: addresses, files, plugins, replication, and timeouts short enough for a test.
	Worker map[string]string
}

// Connect is a worker of Kafka Connect that has Debezium's connector for PostgreSQL on its class path.
type Connect struct {
	in   *install
	opts ConnectOptions
	dir  string
	port int // of the REST API

	mu      sync.Mutex
	process *child.Process // nil: not running
}

// installConnect is made at most once: a failure isn't tried again.
//
//nolint:gochecknoglobals // as shared: the testing package gives tests no other place
var installConnect = sync.OnceValues(func() (*install, error) {
	ctx, cancel := context.WithTimeout(context.Background(), installTimeout)
	defer cancel()
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	return installFrom(ctx, filepath.Join(cache, "tenon"), "debezium", connectPOM, (*install).completeLib)
})

// NeedDebezium skips the test where Debezium isn't asked for, or Java or Maven is missing; in CI the latter fails it.
func NeedDebezium(t testing.TB) {
	t.Helper()
	if os.Getenv(DebeziumEnv) != "real" {
		t.Skipf("it needs Debezium: make test-debezium runs it (%s=real)", DebeziumEnv)
	}
	in, err := installConnect()
	usable(t, in, err)
}

// StartConnect starts a worker and returns when its REST API answers. It ends with the test.
func StartConnect(t testing.TB, opts ConnectOptions) *Connect {
	t.Helper()
	NeedDebezium(t)
	in, err := installConnect()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	dir, err := rundir.New(ctx)
	if err != nil {
		t.Fatal(err)
	}
	c := &Connect{in: in, opts: opts, dir: dir.Path()}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the end of Kafka Connect's log:\n%s", tail(c.log()))
		}
		if err := c.end(syscall.SIGKILL); err != nil {
			t.Errorf("end the test's Kafka Connect: %v", err)
		}
		if err := dir.Remove(); err != nil {
			t.Error(err)
		}
	})
	if c.port, err = freeport.Find(0); err == nil {
		err = c.write()
	}
	if err == nil {
		err = c.Restart()
	}
	if err != nil {
		t.Fatalf("start Kafka Connect for the test: %v", err)
	}
	return c
}

func (c *Connect) log() string { return filepath.Join(c.dir, "connect.log") }

// write writes the properties of the worker and, standalone, of the connector.
func (c *Connect) write() error {
	properties := maps.Clone(c.opts.Worker)
	maps.Copy(properties, map[string]string{
		"bootstrap.servers": c.opts.Brokers,
		"listeners":         fmt.Sprintf("http://127.0.0.1:%d", c.port),
		// All jars are on the class path: no directory of plugins is searched.
		"plugin.discovery":         "service_load",
		"offset.flush.interval.ms": "500",
	})
	delete(properties, "plugin.path")
	if c.opts.Standalone != "" {
		properties["offset.storage.file.filename"] = filepath.Join(c.dir, "offsets")
		if err := os.WriteFile(c.connector(), []byte(c.opts.Standalone), 0o600); err != nil {
			return err
		}
	} else {
		maps.Copy(properties, map[string]string{
			"config.storage.replication.factor": "1",
			"offset.storage.replication.factor": "1",
			"offset.storage.partitions":         "1",
			"status.storage.replication.factor": "1",
			"status.storage.partitions":         "1",
			// A worker that was killed is missed soon. The defaults are 10 s, 3 s and 5 minutes.
			"session.timeout.ms":               "6000",
			"heartbeat.interval.ms":            "1000",
			"scheduled.rebalance.max.delay.ms": "0",
		})
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		fmt.Fprintf(&text, "%s=%s\n", name, properties[name])
	}
	return os.WriteFile(c.worker(), []byte(text.String()), 0o644)
}

func (c *Connect) worker() string    { return filepath.Join(c.dir, "worker.properties") }
func (c *Connect) connector() string { return filepath.Join(c.dir, "connector.properties") }

// Kill ends the worker as a crash would (SIGKILL).
func (c *Connect) Kill() error { return c.end(syscall.SIGKILL) }

// Stop ends the worker in good order.
func (c *Connect) Stop() error { return c.end(syscall.SIGTERM) }

func (c *Connect) end(sig syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		return nil
	}
	err := endProcess(c.process, sig)
	if err == nil {
		c.process = nil
	}
	return err
}

// Restart starts a worker that was ended and returns when its REST API answers. Its connectors may take longer.
func (c *Connect) Restart() error {
	if err := c.launch(); err != nil {
		return err
	}
	return c.answers()
}

// launch starts the process unless it runs.
func (c *Connect) launch() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process != nil {
		return nil
	}
	log, err := os.OpenFile(c.log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	program := []string{"org.apache.kafka.connect.cli.ConnectDistributed", c.worker()}
	if c.opts.Standalone != "" {
		program = []string{"org.apache.kafka.connect.cli.ConnectStandalone", c.worker(), c.connector()}
	}
	args := append(frugal(), "-cp", c.in.classPath)
	cmd := exec.Command(c.in.java, append(args, program...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.dir, log, log
	c.process, err = child.Start(cmd, syscall.SIGKILL, nil)
	return err
}

// running returns the worker's process, nil if it was ended.
func (c *Connect) running() *child.Process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.process
}
