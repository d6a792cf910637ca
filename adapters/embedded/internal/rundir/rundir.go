// Package rundir gives servers of tests their directories, and removes what killed test binaries have left.
package rundir

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded"
)

// removeTimeout is for a machine on which several test binaries end at once.
const removeTimeout = 2 * time.Minute

// Dir is the directory of one server. Its lock tells living ones from those that killed test
// binaries have left.
type Dir struct {
	path string
	lock *embedded.DirLock
}

// New makes a run directory, and removes stale ones. Stale is what nobody has locked, so making and
// locking happen under the lock of the common parent.
func New(ctx context.Context) (*Dir, error) {
	base := baseDir()
	lock, err := WaitLock(ctx, base)
	if err != nil {
		return nil, err
	}
	stale := lockStale(base)
	dir, err := makeRunDir(base)
	if err := errors.Join(err, lock.Unlock()); err != nil {
		return nil, err
	}
	for _, old := range stale {
		_ = old.discard() // outside the lock, for it may be large; what stays is left to the next
	}
	return dir, nil
}

func makeRunDir(base string) (*Dir, error) {
	path, err := os.MkdirTemp(base, "run-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for a test: %w", err)
	}
	if err := errors.Join(os.Chmod(base, 0o755), os.Chmod(path, 0o755)); err != nil {
		return nil, fmt.Errorf("make a directory for a test: %w", err)
	}
	lock, err := embedded.Lock(path)
	if err != nil {
		return nil, err
	}
	return &Dir{path: path, lock: lock}, nil
}

// baseDir is one for each user, in memory where there is enough of it.
func baseDir() string {
	return filepath.Join(fastDir(), fmt.Sprintf("tenon-test-%d", os.Geteuid()))
}

// WaitLock takes the lock of dir, which it makes if it is missing, and waits for others until ctx ends.
func WaitLock(ctx context.Context, dir string) (*embedded.DirLock, error) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		lock, err := embedded.Lock(dir)
		if _, busy := errors.AsType[*embedded.LockedError](err); !busy {
			return lock, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, err
		}
	}
}

// lockStale locks and returns the run directories that nobody holds.
func lockStale(base string) []*Dir {
	paths, _ := filepath.Glob(filepath.Join(base, "run-*"))
	var stale []*Dir
	for _, path := range paths {
		if lock, err := embedded.Lock(path); err == nil {
			stale = append(stale, &Dir{path: path, lock: lock})
		}
	}
	return stale
}

// Path returns the directory's absolute path. Every user can enter it.
func (d *Dir) Path() string { return d.path }

// Remove removes the directory under the lock of its parent: without it somebody who looks for stale ones
// could make a new lock file in it meanwhile.
func (d *Dir) Remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), removeTimeout)
	defer cancel()
	parent, err := WaitLock(ctx, filepath.Dir(d.path))
	if err != nil {
		return err
	}
	return errors.Join(d.discard(), parent.Unlock())
}

func (d *Dir) discard() error { return errors.Join(os.RemoveAll(d.path), d.lock.Unlock()) }
