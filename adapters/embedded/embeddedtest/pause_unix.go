//go:build unix

package embeddedtest

import (
	"os/exec"
	"syscall"
	"testing"
)

// Pause stops a process where it is, until [Resume]: its connections stay open and nobody answers. Where the system can't do
// that, the test is skipped.
func Pause(t testing.TB, child *exec.Cmd) {
	t.Helper()
	if err := child.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}

// Resume lets a process that was paused go on.
func Resume(t testing.TB, child *exec.Cmd) {
	t.Helper()
	if err := child.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}
