package child

import "syscall"

func attributes(onDeath syscall.Signal, as *User) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: onDeath, Credential: credential(as)}
}
