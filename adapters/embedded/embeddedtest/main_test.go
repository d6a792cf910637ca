package embeddedtest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded/internal/child"
)

// binaryEnv makes this binary the test binary of another package: one that has a shared server while its
// standard input is open.
const binaryEnv = "EMBEDDEDTEST_BINARY"

func TestMain(m *testing.M) { Main(m) }

// TestOtherBinary is that binary's one test.
func TestOtherBinary(t *testing.T) {
	if os.Getenv(binaryEnv) == "" {
		t.Skip("run by other tests, in a process of its own")
	}
	url := Database(t)
	fmt.Println(shared.once.dir.Path(), url)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// binary is a running test binary.
type binary struct {
	process *child.Process
	input   *os.File
	runDir  string
	url     string
}

func startBinary(t testing.TB) *binary {
	t.Helper()
	theirInput, input := pipe(t)
	output, theirOutput := pipe(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestOtherBinary$")
	cmd.Env = append(os.Environ(), binaryEnv+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirInput, theirOutput, os.Stderr
	process, err := child.Start(cmd, syscall.SIGKILL, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Signal(syscall.SIGKILL)
		<-process.Done()
	})
	_, _ = theirInput.Close(), theirOutput.Close()
	line, err := bufio.NewReader(output).ReadString('\n')
	words := strings.Fields(line)
	if err != nil || len(words) != 2 {
		t.Fatalf("the other test binary said %q, %v", line, err)
	}
	return &binary{process: process, input: input, runDir: words[0], url: words[1]}
}

func pipe(t testing.TB) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return r, w
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
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
