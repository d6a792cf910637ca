package rebuild_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/postgres/rebuild"
	"github.com/tenon-go/tenon/application/projection"
)

// enter stores version 1 and then another one.
func enter(t *testing.T, db *postgres.DB, p projection.Projection) error {
	t.Helper()
	v := rebuild.NewVersions(db)
	_, err := v.Enter(t.Context(), rebuild.Entry{Projection: things(1), Source: rebuild.Log, Begin: true})
	check(t, err)
	_, err = v.Enter(t.Context(), rebuild.Entry{Projection: p, Source: rebuild.Log, Begin: true})
	return err
}

func execute(t *testing.T, db *postgres.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		_, err := db.Pool().ExecContext(t.Context(), s)
		check(t, err)
	}
}

func TestTablesAreMadeLikeThoseOfTheVersionBefore(t *testing.T) {
	t.Parallel()
	db := open(t, databaseURL(t))
	execute(t, db, `CREATE INDEX things_total_idx ON shop.things_v1 (total)`)
	check(t, enter(t, db, things(3)))
	if n := value[int](t, db, `SELECT count(*) FROM pg_indexes WHERE schemaname = 'shop' AND tablename = 'things_v3'`); n != 2 {
		t.Errorf("the new table has %d indexes, want 2", n)
	}
}

func TestTablesThatCannotBeBuiltInAreRefused(t *testing.T) {
	t.Parallel()
	for says, statements := range map[string][]string{
		"isn't empty": {`CREATE TABLE shop.things_v2 (LIKE shop.things_v1)`, `INSERT INTO shop.things_v2 VALUES ('x', 1, 1, 2)`},
		"neither a table shop.things_v2 nor one of an earlier version": {`DROP TABLE shop.things_v1 CASCADE`},
	} {
		db := open(t, databaseURL(t))
		execute(t, db, statements...)
		if err := enter(t, db, things(2)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: %v, want one that says %q", statements, err, says)
		}
		if _, err := rebuild.NewVersions(db).Get(t.Context(), name, 2); !errors.Is(err, rebuild.ErrNoVersion) {
			t.Errorf("a version that can't be built is stored: %v", err)
		}
	}
}

func TestViewOfOtherColumnsKeepsItsGrants(t *testing.T) {
	t.Parallel()
	db := open(t, databaseURL(t))
	execute(t, db, `CREATE TABLE shop.things_v2 (id text PRIMARY KEY, total numeric NOT NULL)`, // by a migration of the context's
		`GRANT SELECT ON shop.things TO PUBLIC`, `GRANT SELECT ON shop.things TO pg_monitor`)
	check(t, enter(t, db, things(2)))
	check(t, rebuild.NewVersions(db).Use(t.Context(), name, 2, true))
	if got := value[string](t, db, `SELECT string_agg(column_name, ' ' ORDER BY ordinal_position) FROM information_schema.columns
		WHERE table_schema = 'shop' AND table_name = 'things'`); got != "id total" {
		t.Errorf("the view has columns %s", got)
	}
	if got := value[string](t, db, `SELECT string_agg(grantee, ' ' ORDER BY grantee) FROM information_schema.role_table_grants
		WHERE table_schema = 'shop' AND table_name = 'things' AND grantee <> current_user`); got != "PUBLIC pg_monitor" {
		t.Errorf("the view is granted to %s", got)
	}
}

func TestTableInPlaceOfAViewSaysHowToMendIt(t *testing.T) {
	t.Parallel()
	db := open(t, databaseURL(t))
	execute(t, db, `DROP VIEW shop.things`, `CREATE TABLE shop.things (LIKE shop.things_v1)`)
	check(t, enter(t, db, things(2)))
	err := rebuild.NewVersions(db).Use(t.Context(), name, 2, true)
	if err == nil || !strings.Contains(err.Error(), "ALTER TABLE shop.things RENAME TO things_v1; CREATE VIEW shop.things AS SELECT * FROM shop.things_v1") {
		t.Errorf("use: %v", err)
	}
	wantState(t, db, 1, rebuild.Serving, "")
}

func TestNamesOfViewsAreChecked(t *testing.T) {
	t.Parallel()
	for _, tables := range [][]string{{"things"}, {"shop.Things"}, {"shop.things; DROP"}, {"shop.a", "shop.a"}} {
		p := things(1)
		p.Tables = tables
		if err := rebuild.CheckTables(p); err == nil {
			t.Errorf("%q is no error", tables)
		}
	}
}
