package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/embedded/kafkatest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay/relaytest"
	"github.com/tenon-go/tenon/application/relaying"
)

const (
	// connectorName is the one that `tenon debezium config` gives.
	connectorName = "tenon-outbox"
	shippedFiles  = "../../deploy/debezium/"
)

// captured is a system whose log a connector may read: servers of the test's own, and the command line over them.
type captured struct {
	t       testing.TB
	dir     string
	url     string
	brokers string
	secret  string // where the connector's password is
	db      *sqlx.DB
}

// newCaptured returns a migrated system, with the connector's role as it is shipped.
func newCaptured(t testing.TB) *captured {
	t.Helper()
	kafkatest.NeedDebezium(t)
	c := &captured{t: t, dir: dataDir(t), brokers: kafkatest.Lend(t).Addr(), secret: filepath.Join(t.TempDir(), "secret.properties")}
	c.url = embeddedtest.Server(t, embeddedtest.Parameter("wal_level", "logical")).URL()
	c.run("migrate")
	db, err := postgres.Open(t.Context(), postgres.Config{URL: c.url, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	c.db = db.Pool()
	role, err := os.ReadFile(shippedFiles + "role.sql")
	if err == nil {
		_, err = c.db.Exec(string(role))
	}
	if err == nil {
		err = os.WriteFile(c.secret, []byte("password=change me\n"), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// environ are the settings with that relay.
func (c *captured) environ(relay string) []string {
	return []string{"TENON_DATABASE_URL=" + c.url, "TENON_KAFKA_BROKERS=" + c.brokers, "TENON_RELAY=" + relay}
}

// serve starts the program with that relay.
func (c *captured) serve(relay string) *program {
	c.t.Helper()
	return serve(c.t, c.dir, c.environ(relay)...)
}

// run runs a command line and returns what it printed.
func (c *captured) run(args ...string) string {
	c.t.Helper()
	cmd := command(c.t, c.dir, c.environ("none"), args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		c.t.Fatalf("tenon %s: %v\n%s%s", strings.Join(args, " "), err, out.String(), errOut.String())
	}
	return out.String()
}

// connect starts a worker with the connector as the command line prints it, and returns when it reads the slot.
func (c *captured) connect(distributed bool) *kafkatest.Connect {
	c.t.Helper()
	args := []string{"debezium", "config", "--password", "${file:" + c.secret + ":password}"}
	worker := "worker-standalone.properties"
	if distributed {
		args, worker = append(args, "--json"), "worker-distributed.properties"
	}
	// As printed, but that the slot moves on sooner while nothing happens.
	config := strings.NewReplacer("heartbeat.interval.ms=10000", "heartbeat.interval.ms=500", `"heartbeat.interval.ms": "10000"`,
		`"heartbeat.interval.ms": "500"`).Replace(c.run(args...))
	opts := kafkatest.ConnectOptions{Brokers: c.brokers, Worker: properties(c.t, shippedFiles+worker)}
	if !distributed {
		opts.Standalone = config
	}
	w := kafkatest.StartConnect(c.t, opts)
	if distributed {
		if err := w.Put(c.t.Context(), connectorName, []byte(config)); err != nil {
			c.t.Fatal(err)
		}
	}
	c.streams(w)
	return w
}

// streams waits until the connector reads the slot.
func (c *captured) streams(w *kafkatest.Connect) {
	c.t.Helper()
	if err := w.AwaitTask(c.t.Context(), connectorName); err != nil {
		c.t.Fatal(err)
	}
	c.eventuallySays("the connector reads it", "debezium", "status")
}

// eventuallySays waits until a command prints a text.
func (c *captured) eventuallySays(text string, args ...string) {
	c.t.Helper()
	relaytest.Until(c.t, text, func() (int, bool) { return 0, strings.Contains(c.run(args...), text) })
}

// properties reads a properties file without continued lines.
func properties(t testing.TB, path string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(path) //nolint:gosec // a file of the repository
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(line, "#") {
			all[key] = value
		}
	}
	return all
}

// stored returns the ids of the orders' events that are committed now.
func (c *captured) stored() map[string]bool {
	c.t.Helper()
	var ids []string
	if err := c.db.Select(&ids, `SELECT event_id::text FROM tenon.events WHERE topic = $1`, ordersTopic); err != nil {
		c.t.Fatal(err)
	}
	all := make(map[string]bool, len(ids))
	for _, id := range ids {
		all[id] = true
	}
	return all
}

// sent waits until every stored event of the orders is on the topic, checks that each aggregate's come in order for the first
// time, and returns how often each is there.
func (c *captured) sent() map[string]int {
	c.t.Helper()
	var times map[string]int
	relaytest.Until(c.t, "all events on the topic", func() (int, bool) {
		records, err := relaytest.Published(c.t.Context(), c.brokers, ordersTopic)
		if err != nil {
			return 0, false
		}
		times = make(map[string]int)
		heads := make(map[string]string)
		for _, r := range records {
			id, version := relaytest.Header(r, relaying.HeaderEventID), relaytest.Header(r, relaying.HeaderVersion)
			if times[id]++; times[id] > 1 {
				continue
			}
			if want := next(heads[string(r.Key)]); version != want {
				c.t.Fatalf("order %s: version %s is the first after %s", r.Key, version, heads[string(r.Key)])
			}
			heads[string(r.Key)] = version
		}
		missing := c.stored()
		maps.DeleteFunc(missing, func(id string, _ bool) bool { return times[id] > 0 })
		return len(times), len(missing) == 0
	})
	return times
}
