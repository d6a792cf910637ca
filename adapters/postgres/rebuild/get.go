package rebuild

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/deadletter"
)

// Get returns a version. [ErrNoVersion] when it isn't there.
func (v *Versions) Get(ctx context.Context, name string, number int) (Version, error) {
	var row versionRow
	err := v.db.Pool().GetContext(ctx, &row,
		`SELECT `+versionColumns+` FROM tenon.projection_versions WHERE projection = $1 AND version = $2`, name, number)
	if errors.Is(err, sql.ErrNoRows) {
		return Version{}, fmt.Errorf("%w: %s has none of number %d", ErrNoVersion, name, number)
	}
	return row.version(), postgres.Wrap(ctx, err)
}

// All returns the versions of all projections, by name and number.
func (v *Versions) All(ctx context.Context) ([]Version, error) {
	var rows []versionRow
	err := v.db.Pool().SelectContext(ctx, &rows, `SELECT `+versionColumns+` FROM tenon.projection_versions ORDER BY projection, version`)
	all := make([]Version, len(rows))
	for i := range rows {
		all[i] = rows[i].version()
	}
	return all, postgres.Wrap(ctx, err)
}

// longestError bounds what is stored of an error, in bytes.
const longestError = 2000

// note stores what is wrong with a version, "" for nothing; the last error stays to be seen.
func (v *Versions) note(ctx context.Context, name string, number int, text string) error {
	_, err := v.db.Pool().ExecContext(ctx, `UPDATE tenon.projection_versions
		SET last_error = CASE WHEN $3 = '' THEN last_error ELSE $3 END, failed_at = CASE WHEN $3 = '' THEN NULL ELSE now() END
		WHERE projection = $1 AND version = $2 AND ($3 <> '' OR failed_at IS NOT NULL)`, name, number, deadletter.Text(text, longestError))
	return postgres.Wrap(ctx, err)
}
