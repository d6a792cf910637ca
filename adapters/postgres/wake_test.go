package postgres_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"
	"golang.org/x/sync/errgroup"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/postgres"
)

// startWake runs a Wake and waits until it is connected. What stop returns has been waited for.
func startWake(t *testing.T, db *postgres.DB) (w *postgres.Wake, stop func()) {
	t.Helper()
	w = postgres.NewWake(db)
	ctx, cancel := context.WithCancel(t.Context())
	connected := w.Signal().Wait() // raised with each connection
	var run sync.WaitGroup
	run.Go(func() {
		if err := w.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	stop = func() { cancel(); run.Wait() }
	t.Cleanup(stop)
	await(t, "the connection", connected)
	return w, stop
}

func await(t testing.TB, what string, raised <-chan struct{}) {
	t.Helper()
	select {
	case <-raised:
	case <-time.After(patience):
		t.Fatalf("waited too long for: %s", what)
	}
}

// spy collects the senders of the notifications in a database until it is asked for them.
func spy(t *testing.T, url string) (senders func() []string) {
	t.Helper()
	listener := pq.NewListener(url, time.Second, time.Second, nil)
	t.Cleanup(func() { listener.Close() })
	if err := listener.Listen("tenon.events"); err != nil {
		t.Fatal(err)
	}
	db := openURL(t, url)
	return func() []string {
		t.Helper()
		end := uuid.NewString()
		exec(t, db, "SELECT pg_notify('tenon.events', $1)", end)
		var all []string
		for {
			select {
			case n := <-listener.Notify:
				if n.Extra == end {
					return all
				}
				all = append(all, n.Extra)
			case <-time.After(patience):
				t.Fatal("waited too long for the test's own notification")
			}
		}
	}
}

func TestWakeTellsOtherProcesses(t *testing.T) {
	t.Parallel()
	url := migratedURL(t)
	a, b := openURL(t, url), openURL(t, url)
	here, _ := startWake(t, a)
	there, _ := startWake(t, b)
	senders := spy(t, url)
	if got := senders(); len(got) > 0 {
		t.Errorf("notifications of %v although nothing was committed", got)
	}
	for i := range 20 {
		woken, own := there.Signal().Wait(), here.Signal().Wait()
		store(t, a, event(uuid.NewString(), 1))
		await(t, "the own process", own)
		await(t, "the other process", woken)
		if i == 10 {
			exec(t, b, "SELECT 1") // no commit to the log
		}
	}
	got := senders()
	for _, sender := range got {
		if sender != got[0] {
			t.Fatalf("notifications of %v: the other process sent on what it received", got)
		}
	}
	if len(got) == 0 || len(got) > 20 {
		t.Errorf("%d notifications for 20 commits", len(got))
	}
}

// One notification at most in five milliseconds, and one after the last commit.
func TestWakeSendsFewNotificationsUnderLoad(t *testing.T) {
	t.Parallel()
	url := migratedURL(t)
	a, b := openURL(t, url), openURL(t, url)
	_, stop := startWake(t, a)
	there, _ := startWake(t, b)
	senders := spy(t, url)
	began := time.Now()
	var group errgroup.Group
	const commits = 800
	for range 8 {
		group.Go(func() error {
			for range commits / 8 {
				store(t, a, event(uuid.NewString(), 1))
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	woken := there.Signal().Wait()
	store(t, a, event(uuid.NewString(), 1))
	await(t, "the last commit's wake-up", woken)
	stop()
	most := int(time.Since(began)/(5*time.Millisecond)) + 2
	if got := len(senders()); got > most || got >= commits/2 {
		t.Errorf("%d notifications for %d commits, want %d at most", got, commits, most)
	}
}

func TestFaultWakeReconnectsWhenItsBackendIsTerminated(t *testing.T) {
	t.Parallel()
	url := migratedURL(t)
	var log logged
	a := openURL(t, url)
	b := openConfig(t, postgres.Config{URL: url, AppName: "b", Logger: slog.New(slog.NewTextHandler(&log, nil))})
	startWake(t, a)
	there, _ := startWake(t, b)
	for range 3 {
		again := there.Signal().Wait()
		exec(t, a, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'b wake'")
		await(t, "the new connection", again)
		woken := there.Signal().Wait()
		store(t, a, event(uuid.NewString(), 1))
		await(t, "a wake-up on the new connection", woken)
	}
	if down, up := log.count("readers poll"), log.count("exchanges wake-ups"); down != 3 || up != 3 {
		t.Errorf("three outages, %d lines tell of their begin and %d of their end:\n%s", down, up, log.String())
	}
}

func TestFaultWakeOutlivesServerRestart(t *testing.T) {
	t.Parallel()
	server := embeddedtest.Server(t)
	var log logged
	db := openConfig(t, postgres.Config{URL: server.URL(), Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err := postgres.Migrate(t.Context(), db, postgres.KernelSchema()); err != nil {
		t.Fatal(err)
	}
	other := openURL(t, server.URL())
	w, stop := startWake(t, db)
	startWake(t, other)
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "health to tell of the outage", func() bool { return w.Health() != nil })
	waitFor(t, "a second attempt", func() bool { err := w.Health(); return err != nil && strings.Contains(err.Error(), "refused") })
	local := w.Signal().Wait()
	db.Signal().Raise()
	await(t, "a wake-up without a server", local)
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "health", func() bool { return w.Health() == nil })
	waitFor(t, "a wake-up by the other process", func() bool {
		woken := w.Signal().Wait()
		store(t, other, event(uuid.NewString(), 1))
		select {
		case <-woken:
			return true
		case <-time.After(100 * time.Millisecond):
			return false
		}
	})
	stop()
	if down, up := log.count("readers poll"), log.count("exchanges wake-ups"); down != 1 || up != 1 {
		t.Errorf("one outage, %d lines tell of its begin and %d of its end:\n%s", down, up, log.String())
	}
}
