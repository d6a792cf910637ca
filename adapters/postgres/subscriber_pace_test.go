package postgres

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lib/pq"

	"github.com/tenon-go/tenon/application/eventlog"
)

// lines collects what is logged.
type lines struct {
	mu  sync.Mutex
	all strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func newPace(done <-chan struct{}) (*pace, *eventlog.Signal, *lines) {
	signal, log := new(eventlog.Signal), new(lines)
	p := &pace{
		cfg:    &SubscriberConfig{Signal: signal, PollInterval: time.Hour, RetryMax: time.Millisecond},
		outage: &outage{log: slog.New(slog.NewTextHandler(log, nil)), begun: "down", over: "up"},
		done:   done, paged: func() {}, committed: signal.Wait(), idle: time.Hour,
	}
	return p, signal, log
}

// returns fails the test unless the pace returns soon; it would wait for an hour.
func returns(t *testing.T, p *pace, err error, meanwhile func()) {
	t.Helper()
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		p.HandleError(nil, err == nil, err)
	}()
	meanwhile()
	select {
	case <-returned:
	case <-time.After(30 * time.Second):
		t.Fatal("it still waits")
	}
}

func TestPaceIsWokenByACommitDuringTheLook(t *testing.T) {
	t.Parallel()
	p, signal, _ := newPace(nil)
	signal.Raise() // after the look began, before it was found empty
	returns(t, p, nil, func() {})
}

func TestPaceIsWokenByACommitWhileWaiting(t *testing.T) {
	t.Parallel()
	p, signal, _ := newPace(nil)
	returns(t, p, nil, signal.Raise)
}

func TestPaceIsWokenByTheStop(t *testing.T) {
	t.Parallel()
	done := make(chan struct{})
	p, _, log := newPace(done)
	returns(t, p, nil, func() { close(done) })
	p.cfg.RetryMax, p.failing = time.Hour, time.Hour
	returns(t, p, errors.New("canceled"), func() {})
	if text := log.all.String(); text != "" {
		t.Errorf("the stop was logged as an outage: %s", text)
	}
}

func TestPacePollsMoreRarelyWhileIdle(t *testing.T) {
	t.Parallel()
	var d time.Duration
	for _, want := range []time.Duration{100, 200, 400, 800, 1000, 1000} {
		if d = grow(d, firstPoll, time.Second); d != want*time.Millisecond {
			t.Fatalf("the next pause is %s, want %d ms", d, want)
		}
	}
}

func TestPaceLogsOneLinePerOutageAndOneForItsEnd(t *testing.T) {
	t.Parallel()
	p, _, log := newPace(nil)
	for range 20 {
		p.HandleError(nil, false, errors.New("connection refused"))
	}
	if err := p.outage.health(); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("health during the outage: %v", err)
	}
	for range 20 {
		p.HandleError(nil, false, nil)
	}
	if err := p.outage.health(); err != nil {
		t.Errorf("health after the outage: %v", err)
	}
	if n := strings.Count(log.all.String(), "\n"); n != 2 {
		t.Errorf("%d lines, want one for the outage and one for its end:\n%s", n, log.all.String())
	}
}

func TestPaceTakesALostRaceForNoOutage(t *testing.T) {
	t.Parallel()
	p, _, log := newPace(nil)
	p.HandleError(nil, false, &pq.Error{Code: "40001"})
	if text := log.all.String(); text != "" || p.outage.health() != nil {
		t.Errorf("a serialization failure counts as an outage: %s", text)
	}
}
