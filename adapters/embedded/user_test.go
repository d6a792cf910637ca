//go:build unix

package embedded_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded"
	"github.com/tenon-go/tenon/adapters/embedded/internal/child"
)

const nobody = 65534

func TestServerOfRootRunsUnderAnotherUser(t *testing.T) {
	t.Parallel()
	needRoot(t)
	dir := emptyDir(t)
	start(t, embedded.PostgresConfig{DataDir: dir})
	if owner := ownerOf(t, filepath.Join(dir, "postgres")); owner.Uid == 0 {
		t.Error("the cluster belongs to root")
	}
}

// A cluster keeps its owner: another user's server would refuse it.
func TestServerOfRootRunsUnderTheClustersOwner(t *testing.T) {
	t.Parallel()
	needRoot(t)
	dir := dataDir(t)
	p := start(t, embedded.PostgresConfig{DataDir: dir})
	addRow(t, p.URL())
	stop(t, p)
	chownAll(t, filepath.Join(dir, "postgres"), nobody)
	p = start(t, embedded.PostgresConfig{DataDir: dir})
	if got := addRow(t, p.URL()); got != 2 {
		t.Errorf("rows: %d, want 2", got)
	}
}

func TestClusterGoesElsewhereWhereItsUserCannotEnter(t *testing.T) {
	t.Parallel()
	needRoot(t)
	dir := filepath.Join(t.TempDir(), "data") // its parent is closed to others
	var log bytes.Buffer
	cfg := embedded.PostgresConfig{DataDir: dir, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	p := start(t, cfg)
	place := recordedPlace(t, dir)
	t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(place)) })
	if !strings.HasPrefix(place, "/var/tmp/tenon-") {
		t.Errorf("place of the cluster: %s, want one in /var/tmp", place)
	}
	if !strings.Contains(log.String(), place) {
		t.Errorf("log %q does not name the place %s", log.String(), place)
	}
	addRow(t, p.URL())
	stop(t, p)
	log.Reset()
	p = start(t, cfg)
	if got := addRow(t, p.URL()); got != 2 {
		t.Errorf("rows after the second start: %d, want 2", got)
	}
	if strings.Contains(log.String(), place) {
		t.Error("the second start names the place again")
	}
}

func TestMovedDataDirectoryFindsItsCluster(t *testing.T) {
	t.Parallel()
	needRoot(t)
	parent := t.TempDir()
	dir, moved := filepath.Join(parent, "data"), filepath.Join(parent, "moved")
	p := start(t, embedded.PostgresConfig{DataDir: dir})
	place := recordedPlace(t, dir)
	t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(place)) })
	addRow(t, p.URL())
	stop(t, p)
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	p = start(t, embedded.PostgresConfig{DataDir: moved})
	if got := addRow(t, p.URL()); got != 2 {
		t.Errorf("rows: %d, want 2", got)
	}
}

func TestOrdinaryUserSurvivesKilledParent(t *testing.T) {
	t.Parallel()
	needRoot(t)
	dir := emptyDir(t)
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	chownAll(t, data, nobody)
	binary := copyBinary(t, dir)
	for round := 1; round <= 2; round++ {
		holder, url := startHolder(t, binary, data, &child.User{UID: nobody, GID: nobody})
		if got := addRow(t, url); got != round {
			t.Fatalf("rows in round %d: %d, want %d", round, got, round)
		}
		kill(t, holder)
	}
	if owner := ownerOf(t, filepath.Join(data, "postgres")); owner.Uid != nobody {
		t.Errorf("the cluster belongs to user %d, want %d", owner.Uid, nobody)
	}
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can run a process as another user")
	}
}

func recordedPlace(t testing.TB, dir string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "postgres.json"))
	if err != nil {
		t.Fatal(err)
	}
	var record struct{ Data string }
	if err := json.Unmarshal(raw, &record); err != nil {
		t.Fatal(err)
	}
	return record.Data
}

func chownAll(t testing.TB, dir string, id int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, id, id)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// copyBinary copies this binary to where every user can run it. Another process does so: a file that
// this one has open for writing cannot be run, and a fork elsewhere may hold it open for longer.
func copyBinary(t testing.TB, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "holder")
	if out, err := exec.Command("cp", os.Args[0], path).CombinedOutput(); err != nil {
		t.Fatalf("copy this binary: %v %s", err, out)
	}
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
