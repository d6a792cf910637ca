//go:build !unix

package child

import (
	"errors"
	"os"
	"syscall"
)

func attributes(syscall.Signal, *User) *syscall.SysProcAttr { return nil }

func killGroup(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill()
	}
}

// Pause returns errors.ErrUnsupported: only Unix can do it.
func (*Process) Pause() error { return errors.ErrUnsupported }

// Resume returns errors.ErrUnsupported: only Unix can do it.
func (*Process) Resume() error { return errors.ErrUnsupported }
