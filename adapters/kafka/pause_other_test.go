//go:build !unix

package kafka_test

import (
	"os/exec"
	"testing"
)

func pause(t testing.TB, _ *exec.Cmd) {
	t.Helper()
	t.Skip("processes can't be stopped and continued here")
}

func resume(testing.TB, *exec.Cmd) {}
