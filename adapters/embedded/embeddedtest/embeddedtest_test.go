package embeddedtest_test

import (
	"database/sql"
	"testing"

	_ "github.com/lib/pq"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
)

func TestMain(m *testing.M) { embeddedtest.Main(m) }

func connect(t testing.TB, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestDatabasesAreApart(t *testing.T) {
	t.Parallel()
	for range 2 {
		db := connect(t, embeddedtest.Database(t))
		if _, err := db.Exec("CREATE TABLE only_here (n int)"); err != nil {
			t.Fatal(err)
		}
	}
}
