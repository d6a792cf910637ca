package embedded_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/lib/pq"

	"github.com/tenon-go/tenon/adapters/embedded"
	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/embedded/internal/child"
)

// holderEnv makes this binary a process that runs a server on the directory it names until it is killed.
const holderEnv = "EMBEDDED_TEST_HOLDER"

func TestMain(m *testing.M) {
	if dir, ok := os.LookupEnv(holderEnv); ok {
		hold(dir)
	}
	embeddedtest.Main(m)
	removeSeed()
}

func hold(dir string) {
	_, err := embedded.Lock(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	p, err := embedded.StartPostgres(context.Background(), embedded.PostgresConfig{DataDir: dir, Volatile: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(p.URL())
	select {}
}

// startHolder runs this binary as a holder of dir and returns its process and its server's URL.
func startHolder(t testing.TB, binary, dir string, as *child.User) (*child.Process, string) {
	t.Helper()
	output, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	cmd := exec.Command(binary)
	cmd.Dir = filepath.Dir(binary)
	cmd.Env = append(os.Environ(), holderEnv+"="+dir)
	cmd.Stdout, cmd.Stderr = theirs, os.Stderr
	holder, err := child.Start(cmd, syscall.SIGKILL, as)
	_ = theirs.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(t, holder) })
	url, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatalf("read the URL of the holder's server: %v", err)
	}
	return holder, strings.TrimSpace(url)
}

func kill(t testing.TB, p *child.Process) {
	t.Helper()
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	<-p.Done()
}

// emptyDir returns a directory that every user can enter, in memory if possible. t.TempDir is neither.
func emptyDir(t testing.TB) string {
	t.Helper()
	base := os.TempDir()
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		base = "/dev/shm"
	}
	dir, err := os.MkdirTemp(base, "tenon-embedded-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func start(t testing.TB, cfg embedded.PostgresConfig) *embedded.Postgres {
	t.Helper()
	cfg.Volatile = true
	p, err := embedded.StartPostgres(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, p) })
	return p
}

func stop(t testing.TB, p *embedded.Postgres) {
	t.Helper()
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
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

// listens reports whether a server listens at the URL's address.
func listens(t testing.TB, rawURL string) bool {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// addRow adds a row to the one table of these tests and returns how many there are.
func addRow(t testing.TB, url string) int {
	t.Helper()
	db := connect(t, url)
	defer db.Close()
	var n int
	for _, statement := range []string{
		"CREATE TABLE IF NOT EXISTS survivors (at timestamptz DEFAULT now())",
		"INSERT INTO survivors DEFAULT VALUES",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM survivors").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// eventually polls until what holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("it never came about that %s", what)
		}
	}
}
