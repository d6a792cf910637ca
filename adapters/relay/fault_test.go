package relay_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay/relaytest"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
	"github.com/tenon-go/tenon/domain"
)

const faultTopic = "domain.thing.events"

// load writes units of work until its context ends: some of them roll back, outages are waited through.
type load struct {
	db    *postgres.DB
	units atomic.Int64
	done  sync.WaitGroup
}

func startLoad(ctx context.Context, db *postgres.DB, writers int) *load {
	return startLoadAt(ctx, db, writers, 5*time.Millisecond)
}

// startLoadAt starts a load in which each writer begins a unit of work at most once in a while.
func startLoadAt(ctx context.Context, db *postgres.DB, writers int, every time.Duration) *load {
	l := &load{db: db}
	for w := range writers {
		l.done.Go(func() { l.write(ctx, fmt.Sprint("w", w), every) })
	}
	return l
}

func (l *load) write(ctx context.Context, aggregate string, every time.Duration) {
	next := 1
	pause := time.NewTicker(every)
	defer pause.Stop()
	for round := 0; ctx.Err() == nil; round++ {
		n, rollBack := 1+round%3, round%5 == 4
		err := l.unit(ctx, aggregate, next, n, rollBack)
		switch {
		case err == nil && !rollBack:
			next += n
			l.units.Add(1)
		case err != nil: // an outage: it isn't known what became of the unit
			if heads, err := l.heads(ctx); err == nil {
				next = heads[aggregate] + 1
			}
		}
		<-pause.C
	}
}

func (l *load) unit(ctx context.Context, aggregate string, first, n int, rollBack bool) error {
	tx, err := l.db.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // it does nothing after Commit
	var records []eventlog.Record
	for v := first; v < first+n; v++ {
		records = append(records, eventlog.Record{
			ID: uuid.Must(uuid.NewV7()), Topic: faultTopic, AggregateType: "thing", AggregateID: aggregate, Version: domain.Version(v),
			Type: "thing.happened", SchemaVersion: 1, Payload: []byte(`{}`), RecordedAt: time.Now(),
		})
	}
	if err := tx.Append(ctx, records); err != nil || rollBack {
		return err
	}
	return tx.Commit(ctx)
}

// heads returns the newest version of each aggregate.
func (l *load) heads(ctx context.Context) (map[string]int, error) {
	rows, err := l.db.Pool().QueryContext(ctx, `SELECT aggregate_id, max(version) FROM tenon.events GROUP BY aggregate_id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	heads := make(map[string]int)
	for rows.Next() {
		var id string
		var version int
		if err := rows.Scan(&id, &version); err != nil {
			return nil, err
		}
		heads[id] = version
	}
	return heads, rows.Err()
}

// passes waits until n more units were written.
func (l *load) passes(t testing.TB, n int64) {
	t.Helper()
	goal := l.units.Load() + n
	waitFor(t, "the load to go on", func() bool { return l.units.Load() >= goal })
}

// check waits until the topic has what was committed, and fails the test for what was not, or is out of order. It returns
// how many records are there again.
func (l *load) check(t *testing.T, brokers string) (repeats int) {
	t.Helper()
	l.done.Wait()
	committed := must(l.heads(t.Context()))(t)
	total := 0
	for _, n := range committed {
		total += n
	}
	if total == 0 {
		t.Fatal("nothing was written")
	}
	last := make(map[string]int)
	waitForProgress(t, "all committed events on the topic", func() (int, bool) {
		records, err := relaytest.Published(t.Context(), brokers, faultTopic)
		if err != nil {
			return 0, false
		}
		clear(last)
		repeats = 0
		for _, r := range records {
			key, version := string(r.Key), must(strconv.Atoi(relaytest.Header(r, relaying.HeaderVersion)))(t)
			switch {
			case version > committed[key]:
				t.Fatalf("%s/%d is on the topic and was never committed", key, version)
			case version == last[key]+1:
				last[key] = version
			case version > last[key]:
				t.Fatalf("%s/%d first appears after %s/%d", key, version, key, last[key])
			default:
				repeats++
			}
		}
		sum := 0
		for _, n := range last {
			sum += n
		}
		return len(records), sum == total
	})
	t.Logf("%d events, %d repeated", total, repeats)
	return repeats
}

func rounds(few, torturing int) int {
	if torture() {
		return torturing
	}
	return few
}

func TestFaultRelayKilled(t *testing.T) {
	t.Parallel()
	dsn := database(t)
	broker := embeddedtest.Broker(t)
	ctx, stop := context.WithCancel(t.Context())
	l := startLoad(ctx, open(t, dsn), 4)
	defer l.done.Wait()
	defer stop()
	for range rounds(3, 40) {
		child := startChild(t, dsn, broker)
		l.passes(t, 100)
		if err := child.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = child.Wait() // it was killed
	}
	stop()
	child := startChild(t, dsn, broker)
	l.check(t, broker)
	if err := child.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = child.Wait()
}

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

func TestFaultBrokerRestarted(t *testing.T) {
	t.Parallel()
	db := open(t, database(t))
	broker := embeddedtest.BrokerProcess(t, t.TempDir())
	ctx, stop := context.WithCancel(t.Context())
	l := startLoad(ctx, db, 4)
	defer l.done.Wait()
	defer stop()
	r, to, err := newRelay(db, broker.Addr())
	if err != nil {
		t.Fatal(err)
	}
	end := run(t, r)
	for range rounds(2, 15) {
		l.passes(t, 50)
		if err := broker.Kill(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "bad health", func() bool { return r.Health() != nil })
		if err := broker.Start(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "good health", func() bool { return r.Health() == nil })
	}
	stop()
	l.check(t, broker.Addr())
	if err := errors.Join(end(), to.Close()); err != nil {
		t.Error(err)
	}
}

func TestFaultLogRestarted(t *testing.T) {
	t.Parallel()
	server := embeddedtest.Server(t)
	if err := migrate(server.URL()); err != nil {
		t.Fatal(err)
	}
	db := open(t, server.URL())
	broker := embeddedtest.Broker(t)
	ctx, stop := context.WithCancel(t.Context())
	l := startLoad(ctx, db, 4)
	defer l.done.Wait()
	defer stop()
	r, to, err := newRelay(db, broker)
	if err != nil {
		t.Fatal(err)
	}
	end := run(t, r)
	for range rounds(2, 15) {
		l.passes(t, 50)
		terminate(t, db)
		l.passes(t, 50)
		if err := server.Kill(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "bad health", func() bool { return r.Health() != nil })
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	l.check(t, broker)
	waitFor(t, "good health", func() bool { return r.Health() == nil })
	if err := errors.Join(end(), to.Close()); err != nil {
		t.Error(err)
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
