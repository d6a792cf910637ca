package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/postgres"
)

// logged collects what is logged. Safe for concurrent use.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logged) count(text string) int { return strings.Count(l.String(), text) }

func TestFaultSubscriberOutlivesServerRestarts(t *testing.T) {
	t.Parallel()
	rounds := 2
	if torture() {
		rounds = 15
	}
	server := embeddedtest.Server(t)
	db := openURL(t, server.URL())
	if err := postgres.Migrate(t.Context(), db, postgres.KernelSchema()); err != nil {
		t.Fatal(err)
	}
	var (
		log logged
		got tally
	)
	s := subscribe(t, db, postgres.SubscriberConfig{Batch: 5, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	var wg sync.WaitGroup
	wg.Go(func() { s.drain(&got) })
	written := 0
	write := func(n int) {
		for range n {
			mustWrite(t, db.Pool(), fmt.Sprint("a", written%5), written/5+1, 1)
			written++
		}
	}
	write(50)
	for round := range rounds {
		if err := server.Kill(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "health to tell of the outage", func() bool { return s.from.Health() != nil })
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err := errors.Join(server.Restart(ctx), db.WaitReady(ctx))
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		write(50)
		waitFor(t, "all events", func() bool { return got.len() == written })
		waitFor(t, "health", func() bool { return s.from.Health() == nil })
		if down, up := log.count("can't read"), log.count("reads the log again"); down != round+1 || up != round+1 {
			t.Fatalf("after %d outages %d lines tell of one and %d of its end:\n%s", round+1, down, up, log.String())
		}
	}
	s.end()
	wg.Wait()
	checkOrder(t, got.order)
}

func TestSubscriberWaitsForASchemaThatIsMissing(t *testing.T) {
	t.Parallel()
	db := openURL(t, embeddedtest.Database(t))
	s := subscribe(t, db, postgres.SubscriberConfig{})
	waitFor(t, "health to name the table", func() bool {
		err := s.from.Health()
		return err != nil && strings.Contains(err.Error(), "tenon.")
	})
	if err := postgres.Migrate(t.Context(), db, postgres.KernelSchema()); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, db.Pool(), "a", 1, 1)
	s.ack(1)
}
