package relay_test

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay"
)

// patience bounds every wait of the tests: long enough for a busy machine, and never waited out by a test that passes.
const patience = 60 * time.Second

func torture() bool { return os.Getenv("TENON_TORTURE") != "" }

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

// waitFor polls until condition is true, and fails the test when that takes too long.
func waitFor(t testing.TB, what string, condition func() bool) {
	t.Helper()
	waitForProgress(t, what, func() (int, bool) { return 0, condition() })
}

// waitForProgress polls until condition is true. It is patient as long as the number that condition returns changes: how
// long a backlog takes says nothing on a busy machine, standing still does.
func waitForProgress(t testing.TB, what string, condition func() (int, bool)) {
	t.Helper()
	stuck := time.NewTimer(patience)
	defer stuck.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	before := -1
	for {
		n, ok := condition()
		if ok {
			return
		}
		if n != before {
			stuck.Reset(patience)
			before = n
		}
		select {
		case <-tick.C:
		case <-stuck.C:
			t.Fatalf("waited too long for: %s", what)
		}
	}
}

func migrate(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
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

// newRelay returns a relay from db to the brokers (host:port, separated by commas), as package tenon wires it.
func newRelay(db *postgres.DB, brokers string) (*relay.Watermill, *kafka.Publisher, error) {
	from, err := postgres.NewSubscriber(db, postgres.SubscriberConfig{Group: postgres.RelayGroup, Unmarshal: relay.Wrap})
	if err != nil {
		return nil, nil, err
	}
	to, err := kafka.NewPublisher(kafka.Config{Brokers: strings.Split(brokers, ","), Linger: -1})
	if err != nil {
		return nil, nil, err
	}
	return relay.NewWatermill(relay.Config{Subscriber: from, Publisher: to, Failures: postgres.NewFailures(db)}), to, nil
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
