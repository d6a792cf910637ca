//go:build unix

package child

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

func TestRunReportsTheExitStatus(t *testing.T) {
	t.Parallel()
	if err := Run(t.Context(), exec.Command("sh", "-c", "exit 0"), nil); err != nil {
		t.Errorf("run of a good end: %v", err)
	}
	err := Run(t.Context(), exec.Command("sh", "-c", "exit 3"), nil)
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 3 {
		t.Errorf("run of a bad end: %v, want exit status 3", err)
	}
}

func TestCancelledRunEndsTheWholeGroup(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	output, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	if err := output.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", "sleep 1000 & echo started; wait")
	cmd.Stdout = theirs
	result := make(chan error)
	go func() { result <- Run(ctx, cmd, nil) }()
	buf := make([]byte, 8)
	if _, err := output.Read(buf); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled run: %v, want context.Canceled", err)
	}
	_ = theirs.Close()
	// The pipe has an end when the last process that holds it is gone.
	if _, err := output.Read(buf); !errors.Is(err, io.EOF) {
		t.Errorf("read after the run: %v, want EOF", err)
	}
}

func TestMissingProgramIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := Start(exec.Command("/nonexistent/program"), syscall.SIGKILL, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("start of a missing program: %v, want %v", err, fs.ErrNotExist)
	}
}

func TestSignalAfterTheEndIsNoError(t *testing.T) {
	t.Parallel()
	p, err := Start(exec.Command("sh", "-c", "exit 0"), syscall.SIGKILL, nil)
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if err := p.Signal(syscall.SIGINT); err != nil {
		t.Errorf("signal after the end: %v", err)
	}
}
