package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// pidFile is what a server says about itself in postmaster.pid.
type pidFile struct {
	pid   int
	ready bool
}

func readPIDFile(data string) (pidFile, error) {
	raw, err := os.ReadFile(pidFilePath(data))
	if err != nil {
		return pidFile{}, fmt.Errorf("read state of the server: %w", err)
	}
	return parsePIDFile(string(raw))
}

// parsePIDFile reads line 1, the process id (negative: a single-user server), and line 8, the status;
// a server that is starting has written only the first lines.
func parsePIDFile(text string) (pidFile, error) {
	lines := strings.Split(text, "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil {
		return pidFile{}, fmt.Errorf("read state of the server: %w", err)
	}
	ready := len(lines) >= 8 && strings.TrimSpace(lines[7]) == "ready"
	return pidFile{pid: max(pid, -pid), ready: ready}, nil
}

func removePIDFile(data string) error {
	if err := os.Remove(pidFilePath(data)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove state of an ended server: %w", err)
	}
	return nil
}

func pidFilePath(data string) string { return filepath.Join(data, "postmaster.pid") }
