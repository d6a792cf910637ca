package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"strings"
	"time"

	"github.com/lib/pq"
	"github.com/pressly/goose/v3"

	"github.com/tenon-go/tenon/migrations"
)

// ErrNewerSchema says that the database was migrated by a newer release than this program.
var ErrNewerSchema = errors.New("database is newer than this program")

// Schema is a database schema and the goose SQL files that make it. The files name everything with its schema.
type Schema struct {
	Name string // lower-case letters, digits and underscores
	FS   fs.FS  // NNNNN_what.sql in its root
}

// KernelSchema returns the kernel's own schema, which every program needs.
func KernelSchema() Schema { return Schema{Name: "tenon", FS: migrations.Kernel()} }

// table is where goose notes what has run: one per schema, so that contexts number their files by themselves.
func (s Schema) table() string { return s.Name + ".schema_migrations" }

func (s Schema) check() error {
	for _, r := range s.Name {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' {
			return fmt.Errorf("schema name %q: want lower-case letters, digits and underscores", s.Name)
		}
	}
	if s.Name == "" || s.FS == nil {
		return fmt.Errorf("schema %q: want a name and a file system", s.Name)
	}
	return nil
}

// Migrate brings the schemas up to date, in the order given. Several programs may do so at once: one works, the others
// wait until it is done or ctx ends. A file runs in a transaction; the error names the file and the statement that went
// wrong, and files before it stay applied. A file whose number is lower than that of one which has run is made up for: files of
// different concerns have ranges of numbers. [ErrNewerSchema] when a schema has migrations that this program doesn't
// know.
func Migrate(ctx context.Context, db *DB, schemas ...Schema) error {
	for _, s := range schemas {
		if err := db.migrate(ctx, s); err != nil {
			return fmt.Errorf("migrate schema %s: %w", s.Name, Wrap(ctx, err))
		}
	}
	return nil
}

func (db *DB) migrate(ctx context.Context, s Schema) error {
	if err := s.check(); err != nil {
		return err
	}
	sources, err := sourcesOf(db.pool.DB, s)
	if err != nil {
		return err
	}
	lock := &migrationLock{schema: s, newest: sources[len(sources)-1].Version}
	if err := lock.prepareAlone(ctx, db.pool.DB); err != nil {
		return err
	}
	trace := &migrationTrace{Handler: db.logger.Handler()}
	provider, err := goose.NewProvider(goose.DialectPostgres, db.pool.DB, s.FS, goose.WithTableName(s.table()), goose.WithSessionLocker(lock),
		goose.WithDisableGlobalRegistry(true), goose.WithVerbose(true), goose.WithSlog(slog.New(trace)), goose.WithAllowOutofOrder(true))
	if err != nil {
		return err
	}
	if _, err = provider.Up(ctx); err != nil {
		return explain(err, trace.statement)
	}
	return nil
}

// explain puts file and statement in front of a failed migration's error.
func explain(err error, statement string) error {
	failed, ok := errors.AsType[*goose.PartialError](err)
	if !ok {
		return err
	}
	what := fmt.Sprintf("%s: statement %q", path.Base(failed.Failed.Source.Path), shorten(statement))
	if server := pq.As(failed.Err); server != nil && server.Detail+server.Hint != "" {
		return fmt.Errorf("%s: %w (%s)", what, failed.Err, cmp.Or(server.Detail, server.Hint))
	}
	return fmt.Errorf("%s: %w", what, failed.Err)
}

// shorten keeps a statement's beginning, on one line.
func shorten(statement string) string {
	const most = 120
	line := []rune(strings.Join(strings.Fields(statement), " "))
	if len(line) > most {
		return string(line[:most]) + "…"
	}
	return string(line)
}

// Migration is one file of a schema, or a migration in the database that this program has no file for.
type Migration struct {
	Version   int64
	File      string    // empty when this program doesn't have it
	AppliedAt time.Time // zero when it is pending
}
