package postgres

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
	"github.com/pressly/goose/v3"
)

// MigrationStatus returns the schema's migrations by version: those of the program and those in the database. It
// changes nothing; where the schema doesn't exist all are pending.
func MigrationStatus(ctx context.Context, db *DB, s Schema) ([]Migration, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	sources, err := sourcesOf(db.pool.DB, s)
	if err != nil {
		return nil, fmt.Errorf("migrations of schema %s: %w", s.Name, err)
	}
	applied, err := db.applied(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("migrations of schema %s: %w", s.Name, Wrap(ctx, err))
	}
	var all []Migration
	for _, source := range sources {
		all = append(all, Migration{Version: source.Version, File: path.Base(source.Path), AppliedAt: applied[source.Version]})
		delete(applied, source.Version)
	}
	for version, at := range applied {
		all = append(all, Migration{Version: version, AppliedAt: at})
	}
	slices.SortFunc(all, func(a, b Migration) int { return cmp.Compare(a.Version, b.Version) })
	return all, nil
}

// sourcesOf returns the schema's files by version; there is at least one.
func sourcesOf(pool *sql.DB, s Schema) ([]*goose.Source, error) {
	provider, err := goose.NewProvider(goose.DialectPostgres, pool, s.FS, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("read the files: %w", err)
	}
	return provider.ListSources(), nil
}

// LacksMigration reports whether a statement failed because the database hasn't what it is about, a schema, table or column: a migration
// of the program hasn't run there.
func LacksMigration(err error) bool {
	return pq.As(err, pqerror.UndefinedTable, pqerror.InvalidSchemaName, pqerror.UndefinedColumn) != nil
}

// applied returns when each version was applied, empty without the schema.
func (db *DB) applied(ctx context.Context, s Schema) (map[int64]time.Time, error) {
	rows, err := db.pool.QueryContext(ctx, `SELECT version_id, tstamp FROM `+s.table()+` WHERE version_id > 0 AND is_applied`)
	if pq.As(err, pqerror.UndefinedTable, pqerror.InvalidSchemaName) != nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	applied := make(map[int64]time.Time)
	for rows.Next() {
		var version int64
		var at time.Time
		if err := rows.Scan(&version, &at); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		applied[version] = at
	}
	return applied, errors.Join(rows.Err(), rows.Close())
}
