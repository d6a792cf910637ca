//go:build unix

package embedded

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestNewestProgramsAreChosen(t *testing.T) {
	t.Parallel()
	f := finder{dirs: []string{fakePrograms(t, 15), t.TempDir(), fakePrograms(t, 17), fakePrograms(t, 9)}}
	if p, err := f.find(t.Context(), 0); err != nil || p.major != 17 || p.dir != f.dirs[2] {
		t.Errorf("programs: %+v, %v; want version 17 in %s", p, err, f.dirs[2])
	}
}

func TestProgramsFitTheCluster(t *testing.T) {
	t.Parallel()
	f := finder{dirs: []string{fakePrograms(t, 17), fakePrograms(t, 15)}}
	if p, err := f.find(t.Context(), 15); err != nil || p.major != 15 {
		t.Errorf("programs: %+v, %v; want version 15", p, err)
	}
	_, err := f.find(t.Context(), 14)
	for _, part := range []string{"PostgreSQL 14", "17 in " + f.dirs[0], "15 in " + f.dirs[1], "install version 14"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("programs for a cluster of version 14: %v, want %q", err, part)
		}
	}
}

func TestProgramsWithoutInitdbAreNoServer(t *testing.T) {
	t.Parallel()
	dir := fakePrograms(t, 17)
	if err := os.Remove(filepath.Join(dir, "initdb")); err != nil {
		t.Fatal(err)
	}
	if _, err := (finder{dirs: []string{dir}, fetch: noFetch}).find(t.Context(), 0); !errors.Is(err, ErrNoPrograms) {
		t.Errorf("find without initdb: %v, want ErrNoPrograms", err)
	}
}

func TestMissingProgramsSayHowToInstallThem(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // or the cluster goes elsewhere
		t.Fatal(err)
	}
	_, err := StartPostgres(t.Context(), PostgresConfig{DataDir: dir, BinDir: "/nonexistent"})
	if !errors.Is(err, ErrNoPrograms) {
		t.Fatalf("start without programs: %v, want ErrNoPrograms", err)
	}
	for _, part := range []string{"apt-get install postgresql", "brew install postgresql", "TENON_DATABASE_URL", "/nonexistent"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("message %q does not contain %q", err, part)
		}
	}
}

func TestProgramsAreFetchedWhereNoneAreInstalled(t *testing.T) {
	t.Parallel()
	dir := fakePrograms(t, fetchedMajor)
	f := finder{dirs: []string{t.TempDir()}, fetch: func(context.Context) (string, error) { return dir, nil }}
	if p, err := f.find(t.Context(), 0); err != nil || p.dir != dir {
		t.Errorf("programs: %+v, %v; want those in %s", p, err, dir)
	}
}

func TestProgramsIgnoreTheCallersSettings(t *testing.T) {
	t.Setenv("PGPORT", "1")
	t.Setenv("LC_MESSAGES", "de_DE.UTF-8")
	for _, entry := range (programs{}).command("postgres").Env {
		if strings.HasPrefix(entry, "PG") || strings.HasPrefix(entry, "LC_MESSAGES") {
			t.Errorf("environment of the programs has %s", entry)
		}
	}
}

func noFetch(context.Context) (string, error) { return "", errors.New("not fetched") }

// fakePrograms returns a directory with programs that only tell their version. A shell writes them: a file
// that this process has open for writing cannot be run, and a fork elsewhere may hold it open for longer.
func fakePrograms(t testing.TB, major int) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("sh", "-c", `printf '#!/bin/sh\necho "postgres (PostgreSQL) %s.3"\n' "$1" | tee postgres >initdb
		chmod +x postgres initdb`, "sh", strconv.Itoa(major))
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("write fake programs: %v %s", err, out)
	}
	return dir
}
