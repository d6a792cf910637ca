package kafkatest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded/internal/child"
)

// binaryEnv makes this binary the test binary of another package, which has a broker while its standard input is open.
const binaryEnv = "KAFKATEST_BINARY"

// TestOtherBinary is that binary's one test.
func TestOtherBinary(t *testing.T) {
	if os.Getenv(binaryEnv) == "" {
		t.Skip("run by another test, in a process of its own")
	}
	fmt.Println(Lend(t).nodes[0].process.PID())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func TestKilledBinaryLeavesNoBroker(t *testing.T) {
	t.Parallel()
	need(t)
	process, line := startBinary(t)
	broker, err := strconv.Atoi(line)
	if err != nil {
		t.Fatalf("the other test binary said %q", line)
	}
	if !runs(broker) {
		t.Fatalf("no process %d while the binary runs", broker)
	}
	if err := process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-process.Done()
	deadline := time.After(stopTimeout)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for runs(broker) {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("the broker, process %d, still runs after the binary was killed", broker)
		}
	}
}

// startBinary returns the first line that the other binary has printed.
func startBinary(t testing.TB) (*child.Process, string) {
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
		_ = input.Close()
	})
	_, _ = theirInput.Close(), theirOutput.Close()
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatalf("the other test binary said %q, %v", line, err)
	}
	return process, strings.TrimSpace(line)
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

// runs reports whether a process is there and is no corpse that nobody has buried yet.
func runs(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}
