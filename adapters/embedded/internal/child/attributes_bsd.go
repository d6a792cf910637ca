//go:build unix && !linux

package child

import "syscall"

func attributes(_ syscall.Signal, as *User) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: credential(as)}
}
