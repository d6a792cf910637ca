//go:build unix

package kafka_test

import (
	"os/exec"
	"syscall"
	"testing"
)

// pause stops the process where it is, until resume.
func pause(t testing.TB, child *exec.Cmd) {
	t.Helper()
	if err := child.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}

func resume(t testing.TB, child *exec.Cmd) {
	t.Helper()
	if err := child.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}
