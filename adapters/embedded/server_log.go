package embedded

import (
	"errors"
	"fmt"
	"os"
)

// serverLog is the server's log, opened at its end: a file and not a pipe, which would break with us.
type serverLog struct {
	file  *os.File
	start int64
}

func openLog(path string) (*serverLog, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open server log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open server log: %w", err), f.Close())
	}
	return &serverLog{file: f, start: info.Size()}, nil
}

// written returns what was logged since the log was opened, the last 2000 bytes at most.
func (l *serverLog) written() string {
	info, err := l.file.Stat()
	if err != nil {
		return ""
	}
	buf := make([]byte, min(info.Size()-l.start, 2000))
	n, _ := l.file.ReadAt(buf, info.Size()-int64(len(buf)))
	return string(buf[:n])
}

// Close closes the file; a server that was given it keeps its own.
func (l *serverLog) Close() error { return l.file.Close() }
