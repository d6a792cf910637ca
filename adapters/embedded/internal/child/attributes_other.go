//go:build !unix

package child

import (
	"os"
	"syscall"
)

func attributes(syscall.Signal, *User) *syscall.SysProcAttr { return nil }

func killGroup(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill()
	}
}
