package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/postgres"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

// torture reports whether long rounds are asked for.
func torture() bool { return os.Getenv("TENON_TORTURE") != "" }

// patience bounds every wait of the tests: long enough for a busy machine, and never waited out by a test that passes.
const patience = 30 * time.Second

// migratedURL returns the URL of a database of the test's own with the kernel's schema.
func migratedURL(t testing.TB) string {
	t.Helper()
	return embeddedtest.DatabaseFrom(t, "kernel", func(url string) error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		db, err := postgres.Open(ctx, postgres.Config{URL: url})
		if err != nil {
			return err
		}
		return errors.Join(postgres.Migrate(ctx, db, postgres.KernelSchema()), db.Close())
	})
}

// open returns a DB on a migrated database of the test's own.
func open(t testing.TB) *postgres.DB {
	t.Helper()
	return openURL(t, migratedURL(t))
}

func openURL(t testing.TB, url string) *postgres.DB {
	t.Helper()
	return openConfig(t, postgres.Config{URL: url})
}

func openConfig(t testing.TB, cfg postgres.Config) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

// waitFor polls until condition is true, and fails the test when that takes too long.
func waitFor(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited too long for: %s", what)
		}
	}
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

// urlWith returns the URL with a parameter set.
func urlWith(t testing.TB, base, name, value string) string {
	t.Helper()
	u := must(url.Parse(base))(t)
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

func exec(t testing.TB, db *postgres.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.Pool().ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func queryValue[V any](t testing.TB, db *postgres.DB, query string, args ...any) V {
	t.Helper()
	var v V
	if err := db.Pool().QueryRowContext(t.Context(), query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}
