package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// LockedError says that another process holds a data directory.
type LockedError struct {
	Dir string
	PID int // 0 when the holder has not written its id yet
}

// Error names the directory, its holder and what to do.
func (e *LockedError) Error() string {
	holder := "another process"
	if e.PID > 0 {
		holder = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("data directory %s is in use: another tenon (%s) runs with it; stop that one, "+
		"or give this one a data directory of its own (TENON_DATA_DIR)", e.Dir, holder)
}

// DirLock is a held lock on a data directory. The kernel drops it when the process ends, however it ends.
type DirLock struct {
	mu   sync.Mutex
	file *os.File
}

// Lock takes the lock of data directory dir, which it creates if it is missing, and writes this
// process's id into dir/lock. It does not wait: *[LockedError] says that another process, or another
// caller in this one, has it.
func Lock(dir string) (*DirLock, error) {
	dir, err := makeDir(dir)
	if err != nil {
		return nil, err
	}
	return lockFile(dir, "lock")
}

func lockFile(dir, name string) (*DirLock, error) {
	path := filepath.Join(dir, name)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock data directory: %w", err)
	}
	if err := flock(f); err != nil {
		defer f.Close()
		if errors.Is(err, errLocked) {
			return nil, &LockedError{Dir: dir, PID: readPID(f)}
		}
		return nil, fmt.Errorf("lock data directory %s: %w", dir, err)
	}
	if err := writePID(f); err != nil {
		return nil, errors.Join(fmt.Errorf("lock data directory %s: %w", dir, err), f.Close())
	}
	return &DirLock{file: f}, nil
}

// Unlock gives the lock back. The file stays: removing it would let two processes lock two files of
// one name. A second call does nothing.
func (l *DirLock) Unlock() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	f := l.file
	l.file = nil
	if err := errors.Join(f.Truncate(0), funlock(f), f.Close()); err != nil {
		return fmt.Errorf("unlock data directory: %w", err)
	}
	return nil
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func readPID(f *os.File) int {
	buf := make([]byte, 32)
	n, _ := f.ReadAt(buf, 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(buf[:n])))
	if err != nil {
		return 0
	}
	return pid
}
