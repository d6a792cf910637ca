package embeddedtest

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestDatabasesAreApart(t *testing.T) {
	t.Parallel()
	for range 2 {
		execute(t, Database(t), "CREATE TABLE only_here (n int)")
	}
}

func TestDatabaseIsDroppedWithItsConnections(t *testing.T) {
	t.Parallel()
	var url string
	t.Run("user", func(t *testing.T) {
		url = Database(t)
		db, err := sql.Open("postgres", url)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Ping(); err != nil {
			t.Fatal(err)
		}
	})
	if err := connect(t, url).Ping(); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("connect after the test: %v, want that the database does not exist", err)
	}
}

func TestTemplateIsPreparedOnce(t *testing.T) {
	t.Parallel()
	template := t.Name() + rand.Text() // the test may run again in this binary
	var prepared atomic.Int64
	prepare := func(url string) error {
		execute(t, url, fmt.Sprintf("CREATE TABLE seeded AS SELECT %d AS n", prepared.Add(1)))
		return nil
	}
	urls := make(chan string, 4)
	var wg sync.WaitGroup
	for range cap(urls) {
		wg.Go(func() { urls <- DatabaseFrom(t, template, prepare) })
	}
	wg.Wait()
	close(urls)
	seen := map[string]bool{}
	for url := range urls {
		execute(t, url, "UPDATE seeded SET n = n + 1") // each has its own copy
		var n int
		if err := connect(t, url).QueryRow("SELECT n FROM seeded").Scan(&n); err != nil || n != 2 {
			t.Errorf("seeded in %s: %d, %v; want 2", url, n, err)
		}
		seen[url] = true
	}
	if len(seen) != cap(urls) || prepared.Load() != 1 {
		t.Errorf("%d databases prepared %d times, want %d and once", len(seen), prepared.Load(), cap(urls))
	}
}

func TestFailedTemplateFailsEachTest(t *testing.T) {
	t.Parallel()
	broken := errors.New("no such migration")
	for range 2 {
		said := failure(t, func(t testing.TB) {
			DatabaseFrom(t, "TestFailedTemplateFailsEachTest", func(string) error { return broken })
		})
		if !strings.Contains(said, broken.Error()) {
			t.Errorf("failure %q, want %q", said, broken)
		}
	}
}

func TestLongTestNamesGetADatabase(t *testing.T) {
	t.Parallel()
	t.Run(strings.Repeat("Größe/ und \"Anführung\" ", 8), func(t *testing.T) {
		execute(t, Database(t), "SELECT 1")
	})
}

// failure returns what f says when it fails the test.
func failure(t testing.TB, f func(testing.TB)) string {
	t.Helper()
	recorder := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(recorder)
	}()
	<-done
	return recorder.said
}

// recorder is a test that may fail.
type recorder struct {
	testing.TB
	said string
}

// Fatalf ends the goroutine as the real one does.
func (r *recorder) Fatalf(format string, args ...any) {
	r.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func connect(t testing.TB, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func execute(t testing.TB, url, statement string) {
	t.Helper()
	db := connect(t, url)
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}
