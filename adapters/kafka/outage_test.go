package kafka_test

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/projection"
)

// lines collects log lines.
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

func (l *lines) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, line := range l.all {
		if strings.Contains(line, part) {
			n++
		}
	}
	return n
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func TestOutageOfTheBroker(t *testing.T) {
	t.Parallel()
	broker := embeddedtest.BrokerProcess(t, t.TempDir())
	r := newRigOn(t, broker.Addr(), databaseURL(t))
	r.createTopic()
	r.produce(records(9, 1, 20)...)
	var log lines
	r.cfg.Logger = log.logger()
	src, runner := r.source(nil), r.runner(nil)
	r.start(src, runner)
	r.wantApplied(9, 20)
	if err := broker.Kill(); err != nil {
		t.Fatal(err)
	}
	applicationtest.Eventually(t, func() error {
		if err := runner.Health(); err == nil || !strings.Contains(err.Error(), "no broker answers") {
			return fmt.Errorf("health is %v", err)
		}
		return nil
	})
	if err := broker.Start(); err != nil {
		t.Fatal(err)
	}
	r.produce(records(9, 21, 40)...)
	r.wantApplied(9, 40)
	applicationtest.Eventually(t, runner.Health)
	if down, up := log.count("kafka source waits"), log.count("kafka source goes on"); down != 1 || up != 1 {
		t.Errorf("%d lines about the outage and %d about its end, want 1 and 1: %q", down, up, log.all)
	}
}

func TestOutageOfTheBrokerAtStart(t *testing.T) {
	t.Parallel()
	broker := embeddedtest.BrokerProcess(t, t.TempDir())
	r := newRigOn(t, broker.Addr(), databaseURL(t))
	r.createTopic()
	r.produce(records(3, 1, 5)...)
	if err := broker.Stop(); err != nil {
		t.Fatal(err)
	}
	src, runner := r.source(nil), r.runner(nil)
	r.start(src, runner)
	applicationtest.Eventually(t, func() error {
		if err := src.Health(); err == nil || !strings.Contains(err.Error(), "no broker answers") {
			return fmt.Errorf("health is %v", err)
		}
		return nil
	})
	if err := broker.Start(); err != nil {
		t.Fatal(err)
	}
	r.wantApplied(3, 5)
}

func TestOutageOfTheDatabase(t *testing.T) {
	t.Parallel()
	server := embeddedtest.Server(t)
	if err := prepare(server.URL()); err != nil {
		t.Fatal(err)
	}
	r := newRigOn(t, embeddedtest.Broker(t), server.URL())
	r.createTopic()
	r.produce(records(9, 1, 20)...)
	var log lines
	runner := r.runner(func(c *projection.RunnerConfig) { c.Logger = log.logger() })
	src := r.source(func(c *kafka.SourceConfig) { c.MaxWait = 50 * time.Millisecond })
	r.start(src, runner)
	r.wantApplied(9, 20)
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	r.produce(records(9, 21, 40)...)
	applicationtest.Eventually(t, func() error {
		if err := runner.Health(); err == nil || !strings.Contains(err.Error(), "waits since") {
			return fmt.Errorf("health is %v", err)
		}
		return nil
	})
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.wantApplied(9, 40)
	applicationtest.Eventually(t, runner.Health)
	if got := runner.Stats(); got.Parked != 0 {
		t.Errorf("%d events parked because of an outage", got.Parked)
	}
	if down, up := log.count("projection waits"), log.count("projection goes on"); down != up || down > 3 {
		t.Errorf("%d lines about the outage and %d about its end: %q", down, up, log.all)
	}
}
