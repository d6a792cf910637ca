// Package child starts processes that must not outlive the one that started them: servers for
// development and tests.
//
// A child gets a process group of its own, so that Ctrl-C reaches the parent first, and on Linux a
// signal from the kernel when the parent dies, however it dies. Elsewhere a child of a killed parent
// goes on running; who starts the next one on the same directory has to end it.
package child

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// User is the account a child runs under.
type User struct {
	UID, GID uint32
}

// Process is a started child. Its methods may be called from any goroutine.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// Start starts cmd as user as (nil: the caller's) and has onDeath sent to it when this process dies.
// It replaces cmd.SysProcAttr. Output belongs into files: a pipe would break with the parent.
func Start(cmd *exec.Cmd, onDeath syscall.Signal, as *User) (*Process, error) {
	cmd.SysProcAttr = attributes(onDeath, as)
	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return p, nil
}

// run keeps the starting thread alive as long as the child: the kernel sends the death signal when
// the thread that forked ends, not when the process does.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.done)
	err := p.cmd.Start()
	started <- err
	if err == nil {
		p.err = p.cmd.Wait()
	}
}

// Run starts cmd like [Start] and waits for its end. When ctx ends first, it kills the child with its
// process group and returns the context's error.
func Run(ctx context.Context, cmd *exec.Cmd, as *User) error {
	p, err := Start(cmd, syscall.SIGKILL, as)
	if err != nil {
		return err
	}
	select {
	case <-p.Done():
		return p.Err()
	case <-ctx.Done():
		killGroup(p.PID())
		<-p.Done()
		return fmt.Errorf("wait for %s: %w", cmd.Path, ctx.Err())
	}
}

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done returns a channel that is closed when the child has ended and was reaped.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err returns how the child ended, nil for exit status 0. It is valid once Done is closed.
func (p *Process) Err() error { return p.err }

// Signal sends sig to the child. A child that has ended is no error.
func (p *Process) Signal(sig os.Signal) error {
	select {
	case <-p.done:
		return nil
	default:
	}
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal process %d: %w", p.PID(), err)
	}
	return nil
}
