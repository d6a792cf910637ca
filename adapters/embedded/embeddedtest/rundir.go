package embeddedtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded"
)

// runDir is the directory of one server. Its lock tells living ones from those that killed test
// binaries have left.
type runDir struct {
	path string
	lock *embedded.DirLock
}

// newRunDir makes a run directory, and removes stale ones. Stale is what nobody has locked, so making and
// locking happen under the lock of the common parent.
func newRunDir(ctx context.Context) (*runDir, error) {
	base := baseDir()
	lock, err := waitLock(ctx, base)
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

func makeRunDir(base string) (*runDir, error) {
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
	return &runDir{path: path, lock: lock}, nil
}

// baseDir is one for each user, in memory where there is enough of it.
func baseDir() string {
	return filepath.Join(fastDir(), fmt.Sprintf("tenon-test-%d", os.Geteuid()))
}

// waitLock waits for the lock of dir: others hold it for as long as it takes to make a directory.
func waitLock(ctx context.Context, dir string) (*embedded.DirLock, error) {
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
func lockStale(base string) []*runDir {
	paths, _ := filepath.Glob(filepath.Join(base, "run-*"))
	var stale []*runDir
	for _, path := range paths {
		if lock, err := embedded.Lock(path); err == nil {
			stale = append(stale, &runDir{path: path, lock: lock})
		}
	}
	return stale
}

// remove removes the directory under the lock of its parent: without it somebody who looks for stale ones
// could make a new lock file in it meanwhile.
func (d *runDir) remove() error {
	ctx, cancel := startContext()
	defer cancel()
	parent, err := waitLock(ctx, filepath.Dir(d.path))
	if err != nil {
		return err
	}
	return errors.Join(d.discard(), parent.Unlock())
}

func (d *runDir) discard() error { return errors.Join(os.RemoveAll(d.path), d.lock.Unlock()) }
