package embedded_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded"
)

func TestDataAndURLSurviveStops(t *testing.T) {
	t.Parallel()
	dir, url := dataDir(t), ""
	for round := 1; round <= 8; round++ {
		p := start(t, embedded.PostgresConfig{DataDir: dir})
		if url == "" {
			url = p.URL()
		}
		if got := p.URL(); got != url {
			t.Fatalf("URL in round %d: %s, want %s", round, got, url)
		}
		if got := addRow(t, url); got != round {
			t.Fatalf("rows in round %d: %d, want %d", round, got, round)
		}
		stop(t, p)
	}
}

func TestStopTwice(t *testing.T) {
	t.Parallel()
	p := start(t, embedded.PostgresConfig{DataDir: dataDir(t)})
	stop(t, p)
	stop(t, p)
}

func TestStopEndsOpenConnections(t *testing.T) {
	t.Parallel()
	p := start(t, embedded.PostgresConfig{DataDir: dataDir(t)})
	db := connect(t, p.URL())
	if _, err := db.Exec("SELECT 1"); err != nil {
		t.Fatal(err)
	}
	stop(t, p)
	if err := db.Ping(); err == nil {
		t.Error("a connection still answers after Stop")
	}
}

func TestURLForNamesTheDatabase(t *testing.T) {
	t.Parallel()
	p := start(t, embedded.PostgresConfig{DataDir: emptyDir(t), Database: "mine"})
	for url, want := range map[string]string{p.URL(): "mine", p.URLFor("postgres"): "postgres"} {
		var got string
		if err := connect(t, url).QueryRow("SELECT current_database()").Scan(&got); err != nil || got != want {
			t.Errorf("database of %s: %q, %v; want %q", url, got, err, want)
		}
	}
}

func TestServerRefusesWrongPassword(t *testing.T) {
	t.Parallel()
	p := start(t, embedded.PostgresConfig{DataDir: dataDir(t)})
	before, after, _ := strings.Cut(p.URL(), "@")
	if err := connect(t, before+"x@"+after).Ping(); err == nil || !strings.Contains(err.Error(), "password") {
		t.Errorf("connect with a wrong password: %v, want a refusal", err)
	}
}

func TestLostPasswordIsReplaced(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	p := start(t, embedded.PostgresConfig{DataDir: dir})
	addRow(t, p.URL())
	stop(t, p)
	if err := os.Remove(filepath.Join(dir, "postgres.json")); err != nil {
		t.Fatal(err)
	}
	p = start(t, embedded.PostgresConfig{DataDir: dir})
	if got := addRow(t, p.URL()); got != 2 {
		t.Errorf("rows: %d, want 2", got)
	}
}

func TestPasswordIsOnlyForItsOwner(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	start(t, embedded.PostgresConfig{DataDir: dir})
	info, err := os.Stat(filepath.Join(dir, "postgres.json"))
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("mode of postgres.json: %v, want 0600", got)
	}
}

func TestParametersReachTheServer(t *testing.T) {
	t.Parallel()
	p := start(t, embedded.PostgresConfig{DataDir: dataDir(t), Parameters: map[string]string{"work_mem": "7MB"}})
	var got string
	if err := connect(t, p.URL()).QueryRow("SHOW work_mem").Scan(&got); err != nil || got != "7MB" {
		t.Errorf("work_mem: %q, %v; want 7MB", got, err)
	}
}

func TestWrongParameterGivesTheServersMessage(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	_, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{
		DataDir: dir, Volatile: true, Parameters: map[string]string{"work_mem": "plenty"},
	})
	if err == nil || !strings.Contains(err.Error(), `invalid value for parameter "work_mem": "plenty"`) {
		t.Errorf("start with a wrong parameter: %v, want the server's message", err)
	}
	start(t, embedded.PostgresConfig{DataDir: dir})
}

func TestInterruptedFirstStartCanBeRepeated(t *testing.T) {
	t.Parallel()
	dir := emptyDir(t)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		_, err := embedded.StartPostgres(ctx, embedded.PostgresConfig{DataDir: dir, Volatile: true})
		failed <- err
	}()
	eventually(t, "the cluster is half made", func() bool {
		_, err := os.Stat(filepath.Join(dir, "postgres.init", "PG_VERSION"))
		return err == nil
	})
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Fatalf("start with a cancelled context: %v, want context.Canceled", err)
	}
	addRow(t, start(t, embedded.PostgresConfig{DataDir: dir}).URL())
}
