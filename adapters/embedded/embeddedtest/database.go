package embeddedtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lib/pq"
)

// Database returns the URL of an empty database of the test's own, on the server that all tests of
// this binary share. It is dropped when the test ends, with the connections still open to it.
func Database(t testing.TB) string {
	t.Helper()
	s := sharedServer(t)
	return s.create(t, "template1")
}

// DatabaseFrom returns the URL of a copy of the database that prepare filled, for a migrated schema.
// The first call with a template's name runs prepare on an empty database, later ones copy what it
// left (about 10 ms); an error of prepare fails each of these tests. prepare must close its connections.
func DatabaseFrom(t testing.TB, template string, prepare func(url string) error) string {
	t.Helper()
	s := sharedServer(t)
	name, err := s.template(template, prepare)
	if err != nil {
		t.Fatalf("prepare template database %q: %v", template, err)
	}
	return s.create(t, name)
}

func sharedServer(t testing.TB) *databases {
	t.Helper()
	s, err := shared.get()
	if err != nil {
		t.Fatalf("start the PostgreSQL shared by the tests: %v", err)
	}
	return s
}

// create makes a database for one test and drops it afterwards.
func (d *databases) create(t testing.TB, template string) string {
	t.Helper()
	name := fmt.Sprintf("t%d_%s", d.count.Add(1), identifier(t.Name()))
	ctx, cancel := startContext()
	defer cancel()
	if err := d.copyDatabase(ctx, name, template); err != nil {
		t.Fatalf("create database for the test: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := startContext()
		defer cancel()
		if _, err := d.admin.ExecContext(ctx, "DROP DATABASE "+pq.QuoteIdentifier(name)+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return d.server.URLFor(name)
}

// copyDatabase copies files: in memory that is faster than the default, which writes every page to the log.
func (d *databases) copyDatabase(ctx context.Context, name, template string) error {
	statement := "CREATE DATABASE " + pq.QuoteIdentifier(name) + " TEMPLATE " + pq.QuoteIdentifier(template)
	if d.version >= 150000 {
		statement += " STRATEGY FILE_COPY"
	}
	_, err := d.admin.ExecContext(ctx, statement)
	return err
}

// template returns the name of the database that prepare has filled, and makes it at the first call.
func (d *databases) template(name string, prepare func(url string) error) (string, error) {
	d.mu.Lock()
	once := d.templates[name]
	if once == nil {
		once = &template{name: fmt.Sprintf("template%d_%s", len(d.templates)+1, identifier(name))}
		d.templates[name] = once
	}
	d.mu.Unlock()
	once.Do(func() { once.err = d.fill(once.name, prepare) })
	return once.name, once.err
}

func (d *databases) fill(name string, prepare func(url string) error) error {
	ctx, cancel := startContext()
	defer cancel()
	if err := d.copyDatabase(ctx, name, "template1"); err != nil {
		return err
	}
	if err := prepare(d.server.URLFor(name)); err != nil {
		return err
	}
	if _, err := d.admin.ExecContext(ctx, "ALTER DATABASE "+pq.QuoteIdentifier(name)+" ALLOW_CONNECTIONS false"); err != nil {
		return err
	}
	return d.waitUnused(ctx, name)
}

// waitUnused waits for connections that prepare has closed to end: a database in use cannot be copied.
func (d *databases) waitUnused(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		var open int
		err := d.admin.QueryRowContext(ctx, "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'", name).Scan(&open)
		if err == nil && open == 0 {
			return nil
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("prepare has left %d connections open", open)
		}
	}
}

var unfit = regexp.MustCompile(`[^a-z0-9]+`)

// identifier makes a name fit for a database: at most 40 of its bytes.
func identifier(name string) string {
	name = unfit.ReplaceAllString(strings.ToLower(name), "_")
	return name[:min(len(name), 40)]
}

// openAdmin connects to the server's own database.
func openAdmin(ctx context.Context, url string) (*sql.DB, int, error) {
	db, err := sql.Open("postgres", url)
	if err != nil {
		return nil, 0, err
	}
	var version int
	if err := db.QueryRowContext(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
		return nil, 0, errors.Join(err, db.Close())
	}
	return db, version, nil
}
