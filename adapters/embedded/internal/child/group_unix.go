//go:build unix

package child

import "syscall"

func credential(as *User) *syscall.Credential {
	if as == nil {
		return nil
	}
	return &syscall.Credential{Uid: as.UID, Gid: as.GID}
}

// killGroup ignores errors: the group may have ended by itself.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }
