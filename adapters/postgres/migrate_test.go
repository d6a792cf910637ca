package postgres_test

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/sync/errgroup"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/postgres"
)

// files returns a schema of one statement per file, numbered from 1.
func files(name string, statements ...string) postgres.Schema {
	fsys := fstest.MapFS{}
	for i, statement := range statements {
		fsys["0000"+string(rune('1'+i))+"_step.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + statement + ";\n")}
	}
	return postgres.Schema{Name: name, FS: fsys}
}

func TestMigrateConcurrently(t *testing.T) {
	t.Parallel()
	url := embeddedtest.Database(t)
	var group errgroup.Group
	for range 8 {
		db := openURL(t, url)
		group.Go(func() error {
			return postgres.Migrate(t.Context(), db, postgres.KernelSchema(), files("other", "CREATE TABLE other.t ()"))
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	db := openURL(t, url)
	if n := queryValue[int](t, db, "SELECT count(*) FROM tenon.log_identity"); n != 1 {
		t.Errorf("%d log identities, want 1", n)
	}
	if n := queryValue[int](t, db, "SELECT count(*) FROM other.schema_migrations WHERE version_id = 1"); n != 1 {
		t.Errorf("migration 1 is noted %d times, want once", n)
	}
}

func TestMigrateAgainChangesNothing(t *testing.T) {
	t.Parallel()
	db := open(t)
	const state = "SELECT string_agg(id || ' ' || version_id, ',' ORDER BY id) FROM tenon.schema_migrations"
	before := queryValue[string](t, db, state)
	if err := postgres.Migrate(t.Context(), db, postgres.KernelSchema()); err != nil {
		t.Fatal(err)
	}
	if after := queryValue[string](t, db, state); after != before {
		t.Errorf("migrations noted: %s, before: %s", after, before)
	}
}

func TestMigrateMakesUpForAFileBetweenThoseThatHaveRun(t *testing.T) {
	t.Parallel()
	db := openURL(t, embeddedtest.Database(t))
	all := files("other", "CREATE TABLE other.a ()", "CREATE TABLE other.b ()", "CREATE TABLE other.c ()")
	older := postgres.Schema{Name: "other", FS: fstest.MapFS{}}
	for name, file := range all.FS.(fstest.MapFS) { //nolint:errcheck,forcetypeassert // files made it
		if name != "00002_step.sql" {
			older.FS.(fstest.MapFS)[name] = file //nolint:errcheck,forcetypeassert // made above
		}
	}
	if err := errors.Join(postgres.Migrate(t.Context(), db, older), postgres.Migrate(t.Context(), db, all)); err != nil {
		t.Fatal(err)
	}
	if n := queryValue[int](t, db, "SELECT count(*) FROM pg_tables WHERE schemaname = 'other' AND tablename IN ('a', 'b', 'c')"); n != 3 {
		t.Errorf("%d of the 3 tables are there", n)
	}
}

func TestMigrateErrorNamesFileAndStatement(t *testing.T) {
	t.Parallel()
	db := openURL(t, embeddedtest.Database(t))
	schema := files("broken", "CREATE TABLE broken.t (n int);\nINSERT INTO broken.t VALUES (1), (2)",
		"ALTER TABLE broken.t ADD m int;\nCREATE UNIQUE INDEX t_one ON broken.t ((true))")
	err := postgres.Migrate(t.Context(), db, schema)
	if err == nil {
		t.Fatal("the second index entry is a duplicate, want an error")
	}
	for _, part := range []string{"migrate schema broken", "00002_step.sql", "CREATE UNIQUE INDEX t_one", "is duplicated"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q doesn't say %q", err, part)
		}
	}
	if n := queryValue[int](t, db, "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'broken' AND table_name = 't'"); n != 1 {
		t.Errorf("table has %d columns, want 1: the failed file's first statement is undone", n)
	}
}

func TestMigrateRefusesNewerDatabase(t *testing.T) {
	t.Parallel()
	db := openURL(t, embeddedtest.Database(t))
	if err := postgres.Migrate(t.Context(), db, files("s", "CREATE TABLE s.a ()", "CREATE TABLE s.b ()")); err != nil {
		t.Fatal(err)
	}
	err := postgres.Migrate(t.Context(), db, files("s", "CREATE TABLE s.a ()"))
	if !errors.Is(err, postgres.ErrNewerSchema) {
		t.Fatalf("got %v, want ErrNewerSchema", err)
	}
	if want := "at migration 2, the program knows up to 1"; !strings.Contains(err.Error(), want) {
		t.Errorf("error %q doesn't say %q", err, want)
	}
}

func TestMigrateNeedsNoRightToCreateSchemas(t *testing.T) {
	t.Parallel()
	url := migratedURL(t)
	db := openURL(t, url)
	exec(t, db, "CREATE ROLE limited")
	t.Cleanup(func() { _, _ = db.Pool().ExecContext(context.Background(), "DROP OWNED BY limited; DROP ROLE limited") })
	exec(t, db, "GRANT USAGE ON SCHEMA tenon TO limited")
	exec(t, db, "GRANT SELECT ON tenon.schema_migrations TO limited")
	limited := openURL(t, urlWith(t, url, "options", "-c role=limited"))
	if err := postgres.Migrate(t.Context(), limited, postgres.KernelSchema()); err != nil {
		t.Fatal(err)
	}
}

func TestMigrateRefusesSchemaNames(t *testing.T) {
	t.Parallel()
	db := open(t)
	for _, name := range []string{"", "Tenon", "a;b", `a"b`} {
		if err := postgres.Migrate(t.Context(), db, files(name, "SELECT 1")); err == nil || !strings.Contains(err.Error(), "schema") {
			t.Errorf("schema name %q: got %v, want an error that says so", name, err)
		}
	}
}

func TestMigrateEndsWithContext(t *testing.T) {
	t.Parallel()
	url := embeddedtest.Database(t)
	holder, db := openURL(t, url), openURL(t, url)
	exec(t, holder, "SELECT pg_advisory_lock(hashtextextended('tenon migrations of tenon', 0))")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- postgres.Migrate(ctx, db, postgres.KernelSchema()) }()
	waitFor(t, "the migrator to ask for the lock", func() bool {
		return queryValue[bool](t, holder, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_try_advisory_lock(%')")
	})
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestMigrationStatus(t *testing.T) {
	t.Parallel()
	db := openURL(t, embeddedtest.Database(t))
	two := files("s", "CREATE TABLE s.a ()", "CREATE TABLE s.b ()")
	status := must(postgres.MigrationStatus(t.Context(), db, two))(t)
	if len(status) != 2 || !status[0].AppliedAt.IsZero() || status[1].File != "00002_step.sql" {
		t.Errorf("before migrating: %+v, want two pending files", status)
	}
	if err := postgres.Migrate(t.Context(), db, two); err != nil {
		t.Fatal(err)
	}
	status = must(postgres.MigrationStatus(t.Context(), db, files("s", "CREATE TABLE s.a ()")))(t)
	if len(status) != 2 || status[0].AppliedAt.IsZero() || status[1].File != "" || status[1].AppliedAt.IsZero() {
		t.Errorf("of an older program: %+v, want one applied file and one applied migration without a file", status)
	}
}

func TestKernelFilesNameTheirSchema(t *testing.T) {
	t.Parallel()
	names := must(fs.Glob(postgres.KernelSchema().FS, "*.sql"))(t)
	if len(names) < 2 {
		t.Fatalf("files %v, want the log and the checkpoints at least", names)
	}
	db := open(t)
	if n := queryValue[int](t, db, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"); n != 0 {
		t.Errorf("%d relations in schema public, want none", n)
	}
}
