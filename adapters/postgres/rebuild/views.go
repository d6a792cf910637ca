package rebuild

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"github.com/tenon-go/tenon/application/projection"
)

// tableForm is what the names of views look like: they are written into statements as they are.
var tableForm = regexp.MustCompile(`^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$`)

// CheckTables returns what is wrong with the names of a projection's views.
func CheckTables(p projection.Projection) error {
	for i, name := range p.Tables {
		if !tableForm.MatchString(name) || len(name) > 110 {
			return fmt.Errorf("projection %s: Tables has %q, want schema.name in lower case, letters, digits and _", p.Name, name)
		}
		if slices.Contains(p.Tables[:i], name) {
			return fmt.Errorf("projection %s: Tables has %s twice", p.Name, name)
		}
	}
	return nil
}

// makeTables makes the tables of a version that aren't there, like those of the version before. What is there must be empty: nobody
// knows what rows in it are.
func makeTables(ctx context.Context, tx *sqlx.Tx, views []string, version int) error {
	for _, view := range views {
		table := projection.TableName(view, version)
		there, err := exists(ctx, tx, table)
		if err != nil {
			return err
		}
		if there {
			var rows bool
			if err := tx.GetContext(ctx, &rows, `SELECT EXISTS (SELECT FROM `+table+`)`); err != nil {
				return err
			}
			if rows {
				return fmt.Errorf("table %s of version %d isn't empty, and nothing says what its rows are: empty or drop it", table, version)
			}
			continue
		}
		like := ""
		for before := version - 1; before >= 1 && like == ""; before-- {
			if there, err = exists(ctx, tx, projection.TableName(view, before)); err != nil {
				return err
			}
			if there {
				like = projection.TableName(view, before)
			}
		}
		if like == "" {
			return fmt.Errorf("there is neither a table %s nor one of an earlier version to make it like: make it by a migration, and the view %s of it",
				table, view)
		}
		if _, err := tx.ExecContext(ctx, `CREATE TABLE `+table+` (LIKE `+like+` INCLUDING ALL)`); err != nil {
			return fmt.Errorf("make table %s like %s: %w", table, like, err)
		}
	}
	return nil
}

func exists(ctx context.Context, tx *sqlx.Tx, table string) (there bool, err error) {
	err = tx.GetContext(ctx, &there, `SELECT to_regclass($1) IS NOT NULL`, table)
	return there, err
}

// turnViews makes the views show a version's tables. A view whose columns can't stay as they are is made anew, with its grants.
func turnViews(ctx context.Context, tx *sqlx.Tx, views []string, version int) error {
	for _, view := range views {
		if err := turnView(ctx, tx, view, projection.TableName(view, version)); err != nil {
			return fmt.Errorf("turn view %s to version %d: %w", view, version, err)
		}
	}
	return nil
}

func turnView(ctx context.Context, tx *sqlx.Tx, view, table string) error {
	definition := view + ` AS SELECT * FROM ` + table
	if _, err := tx.ExecContext(ctx, `SAVEPOINT turn`); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `CREATE OR REPLACE VIEW `+definition)
	switch {
	case err == nil:
		return nil
	case pq.As(err, pqerror.WrongObjectType) != nil:
		return fmt.Errorf("%w: it must be a view; rename the table by a migration: ALTER TABLE %s RENAME TO %s; CREATE VIEW %s AS SELECT * FROM %s",
			err, view, projection.TableName(view[strings.Index(view, ".")+1:], 1), view, projection.TableName(view, 1))
	case pq.As(err, pqerror.InvalidTableDefinition) == nil:
		return err
	}
	if _, err := tx.ExecContext(ctx, `ROLLBACK TO SAVEPOINT turn`); err != nil {
		return err
	}
	var grants []string
	const grantsSQL = `SELECT format('GRANT %s ON %s TO %s', g.privilege_type, $1::text,
			CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END)
		FROM pg_class AS c, aclexplode(c.relacl) AS g WHERE c.oid = $1::text::regclass AND g.grantee <> c.relowner`
	if err := tx.SelectContext(ctx, &grants, grantsSQL, view); err != nil {
		return err
	}
	for _, statement := range append([]string{`DROP VIEW ` + view, `CREATE VIEW ` + definition}, grants...) {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
