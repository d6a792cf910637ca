package lanes_test

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/embedded/kafkatest"
	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay/lanes"
	"github.com/tenon-go/tenon/adapters/relay/relaytest"
	"github.com/tenon-go/tenon/application/relaying"
)

func torture() bool { return os.Getenv("TENON_TORTURE") != "" }

func rounds(few, torturing int) int {
	if torture() {
		return torturing
	}
	return few
}

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

func waitFor(t testing.TB, what string, condition func() bool) {
	t.Helper()
	relaytest.Until(t, what, func() (int, bool) { return 0, condition() })
}

func migrate(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), relaytest.Patience)
	defer cancel()
	db, err := postgres.Open(ctx, postgres.Config{URL: url})
	if err != nil {
		return err
	}
	return errors.Join(postgres.Migrate(ctx, db, postgres.KernelSchema()), db.Close())
}

// database returns the URL of a migrated database of the test's own.
func database(t testing.TB) string {
	t.Helper()
	return embeddedtest.DatabaseFrom(t, "kernel", migrate)
}

func open(t testing.TB, url string) *postgres.DB {
	t.Helper()
	db := must(postgres.Open(t.Context(), postgres.Config{URL: url}))(t)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

// options of a node that tests change.
type options struct {
	lanes  int
	lease  time.Duration
	bytes  int
	log    *slog.Logger
	kafka  kafka.LanesConfig
	target relaying.Target                             // instead of Kafka
	tap    tap                                         // of what is committed to Kafka
	change func(cfg *lanes.Config)                     // at the end
	watch  func(lane, records int, took time.Duration) // sees commits
}

// tap watches a session's commits, which it numbers from 1, or gets in their way.
type tap func(nth int, b relaying.Batch, commit func() error) error

// tapped is a target whose sessions commit through a tap.
type tapped struct {
	relaying.Target
	tap tap
}

// Take implements relaying.Target.
func (t tapped) Take(ctx context.Context, log uuid.UUID, lane int) (relaying.Session, relaying.State, error) {
	s, state, err := t.Target.Take(ctx, log, lane)
	if err != nil {
		return nil, state, err
	}
	return &tappedSession{Session: s, tap: t.tap}, state, nil
}

type tappedSession struct {
	relaying.Session
	tap     tap
	commits int
}

// Commit implements relaying.Session.
func (s *tappedSession) Commit(ctx context.Context, b relaying.Batch) error {
	s.commits++
	return s.tap(s.commits, b, func() error { return s.Session.Commit(ctx, b) })
}

// node is a relay with what it owns.
type node struct {
	*lanes.Relay

	target *kafka.Lanes
}

// newNode returns a relay from db to the broker, as package tenon wires it.
func newNode(db *postgres.DB, broker string, o options) (*node, error) {
	n := &node{}
	to := o.target
	if to == nil {
		if o.kafka.Partitions == 0 {
			o.kafka.Partitions = 3
		}
		if !kafkatest.Chosen() && o.kafka.CommitTimeout == 0 { // an outage shows soon; on a busy machine Apache Kafka takes longer than that for a large batch
			o.kafka.CommitTimeout, o.kafka.TakeTimeout = 2*time.Second, 5*time.Second
		}
		var err error
		if n.target, err = kafka.NewLanes(kafka.Config{Brokers: []string{broker}, Logger: o.log}, o.kafka); err != nil {
			return nil, err
		}
		to = n.target
	}
	if o.tap != nil {
		to = tapped{to, o.tap}
	}
	board, err := postgres.NewRelayBoard(db, postgres.RelayBoardConfig{})
	if err != nil {
		return nil, err
	}
	log, members := postgres.NewLaneLog(db), postgres.NewRelayMembers(db)
	if o.lease == 0 {
		o.lease = 2 * time.Second
	}
	cfg := lanes.Config{
		Log: log, Boundary: log, Target: to, Members: members, Layouts: members, Board: board, Wake: db.Signal(), Poll: log.Changed,
		PollInterval: 50 * time.Millisecond, Lanes: o.lanes, Lease: o.lease, BatchBytes: o.bytes, RetryMax: 200 * time.Millisecond, Logger: o.log, Observe: o.watch,
	}
	if o.change != nil {
		o.change(&cfg)
	}
	n.Relay, err = lanes.New(cfg)
	return n, err
}

// Run relays and then closes the connections to Kafka.
func (n *node) Run(ctx context.Context) error {
	err := n.Relay.Run(ctx)
	if n.target != nil {
		n.target.Close()
	}
	return err
}

// run runs the node until the function it returns is called, which returns what Run returned.
func run(t testing.TB, n relaying.Relay) (end func() error) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	ended := false
	end = func() error {
		if ended {
			return nil
		}
		ended = true
		stop()
		return <-done
	}
	t.Cleanup(func() {
		if err := end(); err != nil {
			t.Errorf("relay: %v", err)
		}
	})
	return end
}

// breakLog lets nobody into the database, nor stay, until the function it returns is called.
func breakLog(t testing.TB, dsn string) (mend func()) {
	t.Helper()
	u := must(url.Parse(dsn))(t)
	name := u.Path[1:]
	u.Path = "/template1"
	admin := must(sql.Open("postgres", u.String()))(t)
	run := func(query string) {
		t.Helper()
		if _, err := admin.ExecContext(context.WithoutCancel(t.Context()), query); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
	run(`ALTER DATABASE "` + name + `" ALLOW_CONNECTIONS false`)
	run(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '` + name + `'`)
	return func() {
		run(`ALTER DATABASE "` + name + `" ALLOW_CONNECTIONS true`)
		if err := admin.Close(); err != nil {
			t.Error(err)
		}
	}
}

// copyDatabase returns the URL of a copy of a database that nobody is in. It goes with the test's server.
func copyDatabase(t testing.TB, dsn string) string {
	t.Helper()
	u := must(url.Parse(dsn))(t)
	name := u.Path[1:]
	u.Path = "/template1"
	server := u.String()
	admin := must(sql.Open("postgres", server))(t)
	defer admin.Close() //nolint:errcheck // nothing depends on it
	if _, err := admin.ExecContext(t.Context(), `CREATE DATABASE "`+name+`_copy" TEMPLATE "`+name+`"`); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if a, err := sql.Open("postgres", server); err == nil {
			_, err = a.Exec(`DROP DATABASE IF EXISTS "` + name + `_copy" WITH (FORCE)`)
			if err = errors.Join(err, a.Close()); err != nil {
				t.Error(err)
			}
		}
	})
	u.Path = "/" + name + "_copy"
	return u.String()
}
