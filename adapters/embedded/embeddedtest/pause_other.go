//go:build !unix

package embeddedtest

import (
	"os/exec"
	"testing"
)

// Pause skips the test: here a process can't be stopped and continued.
func Pause(t testing.TB, _ *exec.Cmd) {
	t.Helper()
	t.Skip("processes can't be stopped and continued here")
}

// Resume does nothing.
func Resume(testing.TB, *exec.Cmd) {}
