package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"syscall"
	"time"
)

// endLeftovers ends what a killed process left running on the cluster and removes the state file that
// would keep the next server from starting. The caller holds the lock, so nobody else uses the cluster.
// A process id in the state file is not trusted: it may belong to somebody else by now.
func endLeftovers(ctx context.Context, data string, log *slog.Logger) error {
	pids, err := serverProcesses(data)
	if err != nil {
		return fmt.Errorf("look for a leftover server: %w", err)
	}
	if len(pids) > 0 {
		log.Info("stopping a PostgreSQL that an earlier run left behind", "data", data, "pids", pids)
	}
	if f, err := readPIDFile(data); err == nil && slices.Contains(pids, f.pid) {
		if err := shutDown(ctx, data, f.pid); err != nil {
			return fmt.Errorf("stop a leftover server (process %d): %w", f.pid, err)
		}
	}
	if err := waitGone(ctx, data, syscall.SIGKILL); err != nil {
		return fmt.Errorf("stop a leftover server: %w", err)
	}
	return removePIDFile(data)
}

// shutDown asks the server for a fast shutdown and waits for it, children included; what is still
// there afterwards is left to the caller.
func shutDown(ctx context.Context, data string, pid int) error {
	if err := signal(pid, syscall.SIGINT); err != nil {
		return err
	}
	patience, cancel := context.WithTimeout(ctx, stopPatience)
	defer cancel()
	err := waitGone(patience, data, 0)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil
	}
	return err
}

// waitGone waits until no process of the cluster is left, sending sig (0: none) to those it finds.
// One that has ended but was not reaped yet does not count: pid 1 may take its time.
func waitGone(ctx context.Context, data string, sig syscall.Signal) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		pids, err := serverProcesses(data)
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			if sig == 0 {
				break
			}
			if err := signal(pid, sig); err != nil {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for processes %v to end: %w", pids, ctx.Err())
		}
	}
}

// signal does not mind a process that is gone.
func signal(pid int, sig syscall.Signal) error {
	process, err := os.FindProcess(pid)
	if err != nil {
		return fmt.Errorf("find process %d: %w", pid, err)
	}
	if err := process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal process %d: %w", pid, err)
	}
	return nil
}
