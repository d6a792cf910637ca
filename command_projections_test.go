package tenon_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon"
	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
)

// versionedContext has the projection notes in a version, over the view seen.notes.
func versionedContext(version int) tenon.Context {
	return tenon.Context{Name: "notes", Wire: func(w *tenon.Wiring) error {
		application.Event[noted](w.Builder, "thing.noted", 1)
		table := projection.TableName("seen.notes", version)
		w.Project(projection.Projection{
			Name: "notes", Version: version, Topics: []string{"things"}, Types: []string{"thing.noted"}, Tables: []string{"seen.notes"},
			Apply: func(ctx context.Context, tx eventlog.Tx, batch []projection.Event) error {
				for _, e := range batch {
					_, err := postgres.SQL(tx).ExecContext(ctx, `INSERT INTO `+table+` VALUES ($1, $2)`, e.Position, version)
					if err != nil {
						return postgres.Wrap(ctx, err)
					}
				}
				return nil
			},
		})
		return nil
	}}
}

// versionedDatabase has twenty events of things.
func versionedDatabase(t *testing.T) (url string, db *postgres.DB) {
	t.Helper()
	url = embeddedtest.Database(t)
	db, err := postgres.Open(t.Context(), postgres.Config{URL: url, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := postgres.Migrate(t.Context(), db, postgres.KernelSchema()); err != nil {
		t.Fatal(err)
	}
	_, err = db.Pool().Exec(`CREATE SCHEMA seen; CREATE TABLE seen.notes_v1 (n bigint, made_by integer);
		CREATE VIEW seen.notes AS SELECT * FROM seen.notes_v1`)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 20 {
		tx, err := db.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = tx.Append(t.Context(), []eventlog.Record{{
			ID: uuid.Must(uuid.NewV7()), Topic: "things", AggregateType: "thing", AggregateID: fmt.Sprint(n), Version: 1, Type: "thing.noted",
			SchemaVersion: 1, Payload: []byte("{}"), RecordedAt: time.Now(),
		}})
		if err := errors.Join(err, tx.Commit(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	return url, db
}

// startProgram runs a program until the test ends or stop is called.
func startProgram(t *testing.T, environ []string, of tenon.Context) (stop func()) {
	t.Helper()
	cfg, err := tenon.LoadConfig(environ, of)
	if err != nil {
		t.Fatal(err)
	}
	var logs bytes.Buffer
	app, err := tenon.New(cfg, tenon.Streams{Out: &bytes.Buffer{}, Err: &logs}, of)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }()
	stopped := false
	stop = func() {
		cancel()
		if stopped {
			return
		}
		stopped = true
		if err := <-ended; err != nil {
			t.Errorf("program: %v\n%s", err, logs.String())
		}
	}
	t.Cleanup(stop)
	return stop
}

func TestProjectionsCommands(t *testing.T) {
	t.Parallel()
	url, db := versionedDatabase(t)
	environ := []string{
		"TENON_DATABASE_URL=" + url, "TENON_PROJECTIONS_SOURCE=log", "TENON_ROLES=projections", "TENON_HTTP_ADDR=127.0.0.1:0",
		"TENON_PROJECTIONS_REBUILD=refuse", "TENON_DATA_DIR=" + t.TempDir(),
	}
	run := func(version int, args ...string) (int, string) {
		var out, errOut bytes.Buffer
		status := tenon.Execute(t.Context(), append([]string{"projections"}, args...), environ, tenon.Streams{Out: &out, Err: &errOut}, versionedContext(version))
		return status, out.String() + errOut.String()
	}
	want := func(version, status int, says string, args ...string) {
		t.Helper()
		if got, said := run(version, args...); got != status || !strings.Contains(said, says) {
			t.Errorf("%v: status %d, said %q; want %d and %q", args, got, said, status, says)
		}
	}
	eventually := func(version int, says string, args ...string) {
		t.Helper()
		applicationtest.Eventually(t, func() error {
			if status, said := run(version, args...); status != 0 || !strings.Contains(said, says) {
				return fmt.Errorf("%v: status %d, said %q; want %q", args, status, said, says)
			}
			return nil
		})
	}
	shown := func(version int) {
		t.Helper()
		var rows, least, most int
		err := db.Pool().QueryRow(`SELECT count(*), min(made_by), max(made_by) FROM seen.notes`).Scan(&rows, &least, &most)
		if err != nil || rows != 20 || least != version || most != version {
			t.Errorf("readers see %d rows of versions %d to %d (%v), want 20 of %d", rows, least, most, err, version)
		}
	}
	want(1, 0, "no projection has run on this database yet", "list")
	want(1, 1, `there is no projection "others"`, "pause", "others")
	want(1, 0, "notes is paused", "pause", "notes", "--by", "anna", "--why", "not yet")
	stop := startProgram(t, environ, versionedContext(1))
	want(1, 0, "notes is resumed", "resume", "notes")
	want(1, 1, "notes isn't paused", "resume", "notes")
	eventually(1, "notes       1        serving  log     0    0", "list")
	shown(1)
	want(1, 1, "version 1 of notes, which is this program's, serves already", "rebuild", "notes")

	startProgram(t, environ, versionedContext(2))
	want(2, 0, "version 2 of notes is being built", "rebuild", "notes")
	eventually(2, "notes       2        serving  log     0    0", "list")
	shown(2)
	want(2, 0, "notes       1        kept     log     0    0", "list")
	want(2, 0, "version 1 of notes serves", "use", "notes", "1")
	shown(1)
	want(2, 1, "version 1 of notes serves: let another one serve first", "drop", "notes", "1")
	want(2, 0, "version 2 of notes serves", "use", "notes", "2")
	shown(2)
	stop()
	want(2, 0, "version 1 of notes is dropped", "drop", "notes", "1")
	want(2, 1, "no such version of the projection: notes has none of number 1; `tenon projections list` shows", "use", "notes", "1")
	want(2, 0, `"state": "serving"`, "list", "--json")
	shown(2)
}

func TestProjectionsCommandsRefuseWrongArguments(t *testing.T) {
	t.Parallel()
	for args, says := range map[string]string{
		"pause":       "got 0 arguments, want a projection's name",
		"rebuild a b": "got 2 arguments, want a projection's name",
		"use notes":   "got 1 arguments, want a projection's name and a version",
		"use notes x": `"x" is no version: want a number from 1`,
		"drop notes":  "got 1 arguments",
	} {
		var out, errOut bytes.Buffer
		status := tenon.Execute(t.Context(), append([]string{"projections"}, strings.Fields(args)...), nil, tenon.Streams{Out: &out, Err: &errOut}, versionedContext(1))
		if status != 2 || !strings.Contains(errOut.String(), says) {
			t.Errorf("%s: status %d, said %q; want 2 and %q", args, status, errOut.String(), says)
		}
	}
}
