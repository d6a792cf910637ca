package embedded

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// serverProcesses returns the processes of a server on data, whoever started it: PostgreSQL's programs
// that run in that directory. All of a server's processes do; a shell that somebody opened there is
// told apart by its name.
func serverProcesses(data string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		is, err := isServer(filepath.Join("/proc", entry.Name()), data)
		if err != nil {
			return nil, err
		}
		if is {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

func isServer(proc, data string) (bool, error) {
	name, err := os.ReadFile(filepath.Join(proc, "comm"))
	if err != nil || strings.TrimSpace(string(name)) != "postgres" {
		return false, nil // another program, or one that has ended meanwhile
	}
	cwd, err := os.Readlink(filepath.Join(proc, "cwd"))
	if err != nil && !ended(err) {
		return false, err
	}
	return cwd == data, nil
}

// ended tells an ended process, reaped or not, or one of another user, from a real failure.
func ended(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ESRCH)
}
