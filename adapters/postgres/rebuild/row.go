package rebuild

import (
	"context"
	"database/sql"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/tenon-go/tenon/adapters/postgres"
)

const versionColumns = `projection, version, state, source, takes_over, tables, upto, begun_at, served_at, failed_at, last_error`

// versionRow is a row of tenon.projection_versions.
type versionRow struct {
	Projection string         `db:"projection"`
	Version    int            `db:"version"`
	State      State          `db:"state"`
	Source     Source         `db:"source"`
	TakesOver  bool           `db:"takes_over"`
	Tables     pq.StringArray `db:"tables"`
	UpTo       int64          `db:"upto"`
	BegunAt    sql.NullTime   `db:"begun_at"`
	ServedAt   sql.NullTime   `db:"served_at"`
	FailedAt   sql.NullTime   `db:"failed_at"`
	LastError  string         `db:"last_error"`
}

func (r *versionRow) version() Version {
	return Version{
		Projection: r.Projection, Number: r.Version, State: r.State, Source: r.Source, TakesOver: r.TakesOver, Tables: r.Tables,
		UpTo: r.UpTo, BegunAt: r.BegunAt.Time.UTC(), ServedAt: r.ServedAt.Time.UTC(), FailedAt: r.FailedAt.Time.UTC(), LastError: r.LastError,
	}
}

// set is all versions of one projection, by number.
type set map[int]Version

// serving returns the version that readers see.
func (s set) serving() (Version, bool) {
	for _, v := range s {
		if v.State == Serving {
			return v, true
		}
	}
	return Version{}, false
}

// lock returns the projection's versions and lets nobody else change them until tx ends.
func lock(ctx context.Context, tx *sqlx.Tx, projection string) (set, error) {
	const alone = `SELECT pg_advisory_xact_lock(hashtextextended('tenon.projection_versions/' || $1, 0))` // also where there is no row yet
	if _, err := tx.ExecContext(ctx, alone, projection); err != nil {
		return nil, err
	}
	var rows []versionRow
	err := tx.SelectContext(ctx, &rows, `SELECT `+versionColumns+` FROM tenon.projection_versions WHERE projection = $1 FOR UPDATE`, projection)
	if err != nil {
		return nil, err
	}
	all := make(set, len(rows))
	for i := range rows {
		all[rows[i].Version] = rows[i].version()
	}
	return all, nil
}

// change runs f on the projection's versions in one transaction, which waits for no lock for long.
func (v *Versions) change(ctx context.Context, projection string, f func(tx *sqlx.Tx, all set) error) error {
	tx, err := v.db.Pool().BeginTxx(ctx, nil)
	if err != nil {
		return postgres.Wrap(ctx, err)
	}
	defer tx.Rollback() //nolint:errcheck // it does nothing after Commit
	if _, err := tx.ExecContext(ctx, `SET LOCAL lock_timeout = '2s'`); err != nil {
		return postgres.Wrap(ctx, err)
	}
	all, err := lock(ctx, tx, projection)
	if err == nil {
		err = f(tx, all)
	}
	if err == nil {
		err = tx.Commit()
	}
	return postgres.Wrap(ctx, err)
}
