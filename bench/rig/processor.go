package rig

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ProcessorTime is how long processors worked since a process began: a measure that what else the machine does disturbs less
// than it does a rate.
type ProcessorTime struct {
	Program time.Duration // of this process
	Server  time.Duration // of PostgreSQL's processes that run now
}

// Since returns the time from before on.
func (p ProcessorTime) Since(before ProcessorTime) ProcessorTime {
	return ProcessorTime{Program: p.Program - before.Program, Server: p.Server - before.Server}
}

// CountsProcessorTime reports whether this system tells, as Linux does.
func CountsProcessorTime() bool {
	_, err := os.Stat("/proc/self/schedstat")
	return err == nil
}

// ProcessorTime returns the times so far. Connections that are closed between two calls are missing from the difference.
func (r *Rig) ProcessorTime() (ProcessorTime, error) {
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		return ProcessorTime{}, err
	}
	server, err := r.serverTime()
	return ProcessorTime{Program: time.Duration(own.Utime.Nano() + own.Stime.Nano()), Server: server}, err
}

func (r *Rig) serverTime() (time.Duration, error) {
	raw, err := os.ReadFile(filepath.Join(r.dir, "postgres", "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	postmaster, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		return 0, fmt.Errorf("postmaster.pid: %w", err)
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", postmaster, postmaster))
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for pid := range strings.FieldsSeq(string(children)) {
		sum += ranFor(pid)
	}
	return sum, nil
}

// ranFor returns zero for a process that has ended.
func ranFor(pid string) time.Duration {
	raw, err := fs.ReadFile(os.DirFS("/proc"), pid+"/schedstat")
	if err != nil {
		return 0
	}
	first, _, _ := bytes.Cut(raw, []byte(" "))
	ran, err := strconv.ParseInt(string(first), 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(ran)
}
