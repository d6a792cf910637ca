package lanes_test

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay/lanes"
	"github.com/tenon-go/tenon/adapters/relay/relaytest"
)

// lines collects log lines of level warn and info.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, string(line))
	return len(line), nil
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all, "")
}

func (l *lines) count(level slog.Level) int { return strings.Count(l.text(), "level="+level.String()) }

// want checks how many lines say what.
func (l *lines) want(t testing.TB, counts map[string]int) {
	t.Helper()
	all := l.text()
	for part, n := range counts {
		if got := strings.Count(all, part); got != n {
			t.Errorf("%d lines say %q, want %d:\n%s", got, part, n, all)
		}
	}
}

// patient never gives a commit up, so that what shows before doesn't come from one that failed.
func patient(t testing.TB, broker string, log *slog.Logger) *kafka.Lanes {
	t.Helper()
	target := must(kafka.NewLanes(kafka.Config{Brokers: []string{broker}, Logger: log},
		kafka.LanesConfig{Partitions: 3, CommitTimeout: time.Hour, TakeTimeout: time.Hour}))(t)
	t.Cleanup(target.Close)
	return target
}

func waitHealth(t testing.TB, n *node, says string) {
	t.Helper()
	waitFor(t, "health "+says, func() bool {
		err := n.Health()
		return says == "" && err == nil || says != "" && err != nil && strings.Contains(err.Error(), says)
	})
}

// With nothing to publish too: the next record would wait.
func TestFaultBrokerOutageShows(t *testing.T) {
	t.Parallel()
	for name, idle := range map[string]bool{"idle": true, "while a commit waits": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, log := open(t, database(t)), new(lines)
			broker := embeddedtest.BrokerProcess(t, t.TempDir())
			n := must(newNode(db, broker.Addr(), options{
				lanes: 2, lease: 30 * time.Second, log: log.logger(), target: patient(t, broker.Addr(), log.logger()),
				change: func(cfg *lanes.Config) { cfg.ProgressEvery = time.Hour },
			}))(t)
			run(t, n)
			appendEach(t, db, append(events("a", 1, 3), events("b", 1, 3)...)...)
			relaytest.CheckOnce(t, db, broker.Addr())
			for round := range rounds(1, 5) {
				if err := broker.Kill(); err != nil {
					t.Fatal(err)
				}
				if !idle {
					appendEach(t, db, append(events("a", 4+round, 4+round), events("b", 4+round, 4+round)...)...)
				}
				waitHealth(t, n, "degraded: Kafka unreachable since 20")
				if got := n.Health().Error(); strings.Contains(got, "lane") {
					t.Errorf("health tells more than the outage: %s", got)
				}
				if err := broker.Start(); err != nil {
					t.Fatal(err)
				}
				waitHealth(t, n, "")
				if idle {
					appendEach(t, db, append(events("a", 4+round, 4+round), events("b", 4+round, 4+round)...)...)
				}
				relaytest.CheckOnce(t, db, broker.Addr())
				log.want(t, map[string]int{
					"Kafka unreachable, goes on trying": round + 1, "Kafka reachable again": round + 1, "relay lane": 0, "other nodes": 0,
				})
			}
		})
	}
}

func TestFaultLogOutageShows(t *testing.T) {
	t.Parallel()
	server := embeddedtest.Server(t)
	if err := migrate(server.URL()); err != nil {
		t.Fatal(err)
	}
	log := new(lines)
	db := must(postgres.Open(t.Context(), postgres.Config{URL: server.URL(), Logger: log.logger()}))(t)
	t.Cleanup(func() { _ = db.Close() })
	broker := embeddedtest.Broker(t)
	n := must(newNode(db, broker, options{
		lanes: 2, lease: 10 * time.Second, log: log.logger(), change: func(cfg *lanes.Config) { cfg.RetryMax = 50 * time.Millisecond },
	}))(t)
	run(t, n)
	appendEach(t, db, append(events("a", 1, 3), events("b", 1, 3)...)...)
	relaytest.CheckOnce(t, db, broker)
	for round := range rounds(1, 5) {
		if err := server.Kill(); err != nil {
			t.Fatal(err)
		}
		waitHealth(t, n, "degraded: PostgreSQL unreachable since 20")
		if got := n.Health().Error(); strings.Contains(got, "beat") {
			t.Errorf("health tells more than the outage: %s", got)
		}
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		waitHealth(t, n, "")
		appendEach(t, db, append(events("a", 4+round, 4+round), events("b", 4+round, 4+round)...)...)
		relaytest.CheckOnce(t, db, broker)
		log.want(t, map[string]int{
			"PostgreSQL unreachable, goes on trying": round + 1, "PostgreSQL reachable again": round + 1, "relay lane": 0, "other nodes": 0,
		})
	}
}
