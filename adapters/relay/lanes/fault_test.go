package lanes_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay/relaytest"
	"github.com/tenon-go/tenon/application/eventlog"
)

// startChild starts this binary as a relay and returns when it relays.
func startChild(t testing.TB, dsn, broker string) *exec.Cmd {
	t.Helper()
	child := exec.CommandContext(context.WithoutCancel(t.Context()), os.Args[0])
	child.Env = append(os.Environ(), relayEnv+"="+dsn, relayEnv+"_BROKER="+broker)
	child.Stderr = os.Stderr
	out := must(child.StdoutPipe())(t)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return child
}

func kill(t testing.TB, child *exec.Cmd) {
	t.Helper()
	if err := child.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = child.Wait() // it was killed
}

// underLoad runs the work while writers write, then checks that every event is on the topic once.
func underLoad(t *testing.T, db *postgres.DB, broker string, work func(l *relaytest.Load)) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := relaytest.StartLoad(ctx, db, 4)
	defer l.Wait()
	defer stop()
	work(l)
	stop()
	l.Wait()
	relaytest.CheckOnce(t, db, broker)
}

func TestFaultRelayKilled(t *testing.T) {
	t.Parallel()
	dsn, broker := database(t), embeddedtest.Broker(t)
	db := open(t, dsn)
	var last *exec.Cmd
	underLoad(t, db, broker, func(l *relaytest.Load) {
		for range rounds(3, 30) {
			child := startChild(t, dsn, broker)
			l.Passes(t, 60)
			kill(t, child)
		}
		last = startChild(t, dsn, broker)
	})
	kill(t, last)
}

func TestFaultTwoRelaysOneKilled(t *testing.T) {
	t.Parallel()
	dsn, broker := database(t), embeddedtest.Broker(t)
	db := open(t, dsn)
	older, newer := startChild(t, dsn, broker), startChild(t, dsn, broker)
	underLoad(t, db, broker, func(l *relaytest.Load) {
		for range rounds(3, 30) {
			l.Passes(t, 60)
			kill(t, older)
			older, newer = newer, startChild(t, dsn, broker)
		}
	})
	kill(t, older)
	kill(t, newer)
}

// A relay that was stopped beyond its lease and goes on believes that the lane is still its own.
func TestFaultRelayPausedBeyondItsLease(t *testing.T) {
	t.Parallel()
	dsn, broker := database(t), embeddedtest.Broker(t)
	db := open(t, dsn)
	children := map[string]*exec.Cmd{}
	for range 2 {
		c := startChild(t, dsn, broker)
		children[strconv.Itoa(c.Process.Pid)] = c
	}
	underLoad(t, db, broker, func(l *relaytest.Load) {
		for range rounds(2, 5) {
			l.Passes(t, 50)
			sleeper := children[owner(t, db)]
			embeddedtest.Pause(t, sleeper)
			waitFor(t, "another owner", func() bool { return children[owner(t, db)] != sleeper })
			l.Passes(t, 50)
			embeddedtest.Resume(t, sleeper)
		}
	})
	for _, c := range children {
		kill(t, c)
	}
}

// owner waits until some node has lane 0 and returns its name.
func owner(t testing.TB, db *postgres.DB) string {
	t.Helper()
	var node string
	waitFor(t, "an owner of lane 0", func() bool {
		return db.Pool().QueryRowContext(t.Context(), `SELECT owner FROM tenon.relay_lanes WHERE lane = 0 AND owner IS NOT NULL`).Scan(&node) == nil
	})
	return node
}

func TestFaultBrokerRestarted(t *testing.T) {
	t.Parallel()
	db := open(t, database(t))
	broker := embeddedtest.BrokerProcess(t, t.TempDir())
	n := must(newNode(db, broker.Addr(), options{lanes: 2}))(t)
	run(t, n)
	underLoad(t, db, broker.Addr(), func(l *relaytest.Load) {
		for range rounds(2, 8) {
			waitFor(t, "good health", func() bool { return n.Health() == nil && n.Stats().Records > 0 })
			l.Passes(t, 50)
			if err := broker.Kill(); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "bad health", func() bool { return n.Health() != nil })
			if err := broker.Start(); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "good health", func() bool { return n.Health() == nil })
		}
	})
}

func TestFaultLogRestarted(t *testing.T) {
	t.Parallel()
	server := embeddedtest.Server(t)
	if err := migrate(server.URL()); err != nil {
		t.Fatal(err)
	}
	db, broker := open(t, server.URL()), embeddedtest.Broker(t)
	n := must(newNode(db, broker, options{lanes: 2}))(t)
	run(t, n)
	underLoad(t, db, broker, func(l *relaytest.Load) {
		for range rounds(2, 8) {
			l.Passes(t, 50)
			terminate(t, db)
			l.Passes(t, 50)
			burnXids(t, db)
			if err := server.Kill(); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "bad health", func() bool { return n.Health() != nil })
			if err := server.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
	waitFor(t, "good health", func() bool { return n.Health() == nil })
}

// burnXids lets transactions abort right before a crash, which may hand their ids out again.
func burnXids(t testing.TB, db *postgres.DB) {
	t.Helper()
	for range 20 {
		tx := must(db.Begin(t.Context()))(t)
		if err := tx.Append(t.Context(), []eventlog.Record{relaytest.Event(uuid.NewString(), 1)}); err != nil {
			t.Fatal(err)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
	}
}

// terminate ends every other connection to the database.
func terminate(t testing.TB, db *postgres.DB) {
	t.Helper()
	_, err := db.Pool().ExecContext(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	if err != nil {
		t.Fatal(err)
	}
}
