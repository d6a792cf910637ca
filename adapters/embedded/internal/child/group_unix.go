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

// Pause stops the child without ending it, as SIGSTOP does: it neither answers nor notices.
func (p *Process) Pause() error { return p.Signal(syscall.SIGSTOP) }

// Resume lets a paused child go on.
func (p *Process) Resume() error { return p.Signal(syscall.SIGCONT) }
