//go:build unix

package embedded_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/tenon-go/tenon/adapters/embedded"
	"github.com/tenon-go/tenon/adapters/embedded/internal/child"
)

func TestCommittedDataSurvivesKill(t *testing.T) {
	t.Parallel()
	p := start(t, embedded.PostgresConfig{DataDir: dataDir(t)})
	url := p.URL()
	for round := 1; round <= 3; round++ {
		if got := addRow(t, url); got != round {
			t.Fatalf("rows in round %d: %d, want %d", round, got, round)
		}
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := p.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRestartAfterStopKeepsTheURL(t *testing.T) {
	t.Parallel()
	p := start(t, embedded.PostgresConfig{DataDir: dataDir(t)})
	url := p.URL()
	addRow(t, url)
	stop(t, p)
	if err := p.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := addRow(t, url); got != 2 {
		t.Errorf("rows: %d, want 2", got)
	}
}

func TestDoneTellsACrashFromAStop(t *testing.T) {
	t.Parallel()
	p := start(t, embedded.PostgresConfig{DataDir: dataDir(t)})
	crashed := p.Done()
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-crashed:
	default:
		t.Error("Done is open after Kill")
	}
	if err := p.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	stopped := p.Done()
	stop(t, p)
	select {
	case <-stopped:
		t.Error("Done is closed after Stop")
	default:
	}
}

func TestKilledParentTakesTheServerAlong(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	holder, url := startHolder(t, os.Args[0], dir, nil)
	addRow(t, url)
	kill(t, holder)
	eventually(t, "the server of a killed parent ends", func() bool { return !listens(t, url) })
}

func TestStartAfterKilledParentHasItsData(t *testing.T) {
	t.Parallel()
	dir := emptyDir(t)
	for round := 1; round <= 3; round++ {
		holder, url := startHolder(t, os.Args[0], dir, nil)
		if got := addRow(t, url); got != round {
			t.Fatalf("rows in round %d: %d, want %d", round, got, round)
		}
		kill(t, holder)
	}
	p := start(t, embedded.PostgresConfig{DataDir: dir})
	if got := addRow(t, p.URL()); got != 4 {
		t.Errorf("rows: %d, want 4", got)
	}
}

// A server that outlives its parent, as it does where the kernel sends no signal.
func TestLeftoverServerIsReplaced(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	p := start(t, embedded.PostgresConfig{DataDir: dir})
	addRow(t, p.URL())
	line := commandLine(t, dir)
	stop(t, p)
	leftover := exec.Command(line[0], line[1:]...)
	leftover.Dir = filepath.Join(dir, "postgres")
	leftover.SysProcAttr = &syscall.SysProcAttr{Credential: ownerOf(t, leftover.Dir)}
	if err := leftover.Start(); err != nil {
		t.Fatal(err)
	}
	// Nobody waits for it before the end: it stays a zombie, as under a slow pid 1.
	defer func() { _ = leftover.Wait() }()
	eventually(t, "the leftover server listens", func() bool { return listens(t, p.URL()) })

	p = start(t, embedded.PostgresConfig{DataDir: dir})
	if got := addRow(t, p.URL()); got != 2 {
		t.Errorf("rows: %d, want 2", got)
	}
	if serverPID(t, dir) == leftover.Process.Pid {
		t.Error("the leftover server still runs")
	}
}

// A backend that computes does not notice that its postmaster is gone, and keeps the cluster in use.
func TestRestartEndsOrphanedBackends(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	p := start(t, embedded.PostgresConfig{DataDir: dir})
	addRow(t, p.URL())
	ended := keepBusy(t, p.URL())
	crashed := p.Done()
	if err := syscall.Kill(serverPID(t, dir), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-crashed
	if err := p.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("end of the orphaned backend: %v, want that it was killed", err)
	}
	if got := addRow(t, p.URL()); got != 2 {
		t.Errorf("rows: %d, want 2", got)
	}
}

// keepBusy has a backend compute until it is killed and returns how it ended. The backend needs no
// memory and gives up after a while: where the code under test fails, nobody else would end it.
func keepBusy(t testing.TB, url string) <-chan error {
	t.Helper()
	conn, err := connect(t, url).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if err := conn.QueryRowContext(t.Context(), "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "SET statement_timeout = '20s'"); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := conn.ExecContext(t.Context(), "DO $$ BEGIN LOOP NULL; END LOOP; END $$")
		ended <- err
	}()
	observer := connect(t, url)
	eventually(t, "the backend computes", func() bool {
		var n int
		const busy = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND state = 'active' AND query LIKE 'DO%'"
		return observer.QueryRow(busy, pid).Scan(&n) == nil && n == 1
	})
	return ended
}

// The pid of a server that died long ago may belong to anybody now.
func TestForeignProcessInPIDFileIsSpared(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	p := start(t, embedded.PostgresConfig{DataDir: dir})
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	stop(t, p)
	path := filepath.Join(dir, "postgres", "postmaster.pid")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bystander := startBystander(t, filepath.Dir(path))
	_, rest, _ := strings.Cut(string(raw), "\n")
	if err := os.WriteFile(path, []byte(strconv.Itoa(bystander.PID())+"\n"+rest), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, embedded.PostgresConfig{DataDir: dir})
	select {
	case <-bystander.Done():
		t.Errorf("the bystander has ended: %v", bystander.Err())
	default:
	}
}

// startBystander starts a process of the server's user in the server's directory that is no server.
func startBystander(t testing.TB, dir string) *child.Process {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	cmd.Dir = dir
	var as *child.User
	if c := ownerOf(t, dir); c != nil {
		as = &child.User{UID: c.Uid, GID: c.Gid}
	}
	bystander, err := child.Start(cmd, syscall.SIGKILL, as)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(t, bystander) })
	return bystander
}

func serverPID(t testing.TB, dir string) int {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "postgres", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// commandLine returns how the running server of dir was started.
func commandLine(t testing.TB, dir string) []string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "postgres", "postmaster.opts"))
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Fields(strings.ReplaceAll(string(raw), `"`, ""))
	return line
}

func ownerOf(t testing.TB, path string) *syscall.Credential {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 {
		return nil
	}
	return &syscall.Credential{Uid: stat.Uid, Gid: stat.Gid}
}
