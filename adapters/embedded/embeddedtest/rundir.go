package embeddedtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded"
)

// runDir is the directory of one server. Its lock tells living ones from those that killed test
// binaries have left.
type runDir struct {
	path string
	lock *embedded.DirLock
}

// newRunDir makes a run directory, and removes stale ones. Both happen under the lock of the common
// parent, or a directory that is being made would look stale.
func newRunDir(ctx context.Context) (*runDir, error) {
	base := baseDir()
	lock, err := waitLock(ctx, base)
	if err != nil {
		return nil, err
	}
	defer lock.Unlock() //nolint:errcheck // the kernel drops it at the latest when the process ends
	if err := os.Chmod(base, 0o755); err != nil {
		return nil, fmt.Errorf("make a directory for tests: %w", err)
	}
	removeStale(base)
	path, err := os.MkdirTemp(base, "run-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for a test: %w", err)
	}
	if err := os.Chmod(path, 0o755); err != nil {
		return nil, fmt.Errorf("make a directory for a test: %w", err)
	}
	own, err := embedded.Lock(path)
	if err != nil {
		return nil, err
	}
	return &runDir{path: path, lock: own}, nil
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

// removeStale removes what nobody holds. What cannot be removed now is left to the next.
func removeStale(base string) {
	entries, err := os.ReadDir(base)
	if err != nil {
		return
	}
	for _, entry := range entries {
		path := filepath.Join(base, entry.Name())
		if !strings.HasPrefix(entry.Name(), "run-") {
			continue
		}
		if lock, err := embedded.Lock(path); err == nil {
			_ = os.RemoveAll(path)
			_ = lock.Unlock()
		}
	}
}

func (d *runDir) remove() error {
	return errors.Join(os.RemoveAll(d.path), d.lock.Unlock())
}
