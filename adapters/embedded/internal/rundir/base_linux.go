package rundir

import (
	"os"
	"syscall"
)

// fastDir returns the file system in memory if a few servers fit into it: containers often have 64 MB.
func fastDir() string {
	const shm, enough = "/dev/shm", 1 << 30
	var stat syscall.Statfs_t
	if err := syscall.Statfs(shm, &stat); err == nil && stat.Bavail*uint64(stat.Bsize) > enough { //nolint:gosec // a block size is positive
		return shm
	}
	return os.TempDir()
}
