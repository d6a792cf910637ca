//go:build unix

package embedded

import (
	"errors"
	"os"
	"syscall"
)

const supported = true

// flock reports errLocked instead of waiting.
func flock(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errLocked
	}
	return err
}

// funlock unlocks at once. Closing the file is not enough: a process that another goroutine is starting
// holds a copy of it, and with it the lock, until it runs its program.
func funlock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }

// owner returns the user and group that own path.
func owner(path string) (uid, gid uint32, err error) {
	info, err := os.Lstat(path)
	if err != nil {
		return 0, 0, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, errors.ErrUnsupported
	}
	return stat.Uid, stat.Gid, nil
}
