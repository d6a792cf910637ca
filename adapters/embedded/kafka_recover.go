package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/twmb/franz-go/pkg/kfake"
)

// cleanMark is the file beside the broker's directory that is there only between a Stop and the next start.
const cleanMark = "kafka.clean"

// prepareData takes the mark away before the broker writes anything, and mends what a broker left that was
// killed: data without the mark.
func prepareData(ctx context.Context, dir string, cfg KafkaConfig) error {
	err := os.Remove(filepath.Join(dir, cleanMark))
	if err == nil {
		// The mark must not come back after a power cut.
		return syncDir(dir)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(filepath.Join(cfg.DataDir, "meta.json")); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := recoverData(ctx, cfg); err != nil {
		return fmt.Errorf("recover the broker's data in %s: %w", cfg.DataDir, err)
	}
	return nil
}

func markClean(dir string) error {
	return os.WriteFile(filepath.Join(dir, cleanMark), nil, 0o600)
}

// recoverData ends every transaction that was open when the broker was killed, as the coordinator of a
// real cluster does. The broker itself takes them for aborted at its next start, but writes no marker: a
// reader then drops what the same producer commits later, and after one more start the records count as a
// part of that later transaction.
//
// The markers are written by a broker on a port that nobody knows, so that no client meets a transaction
// half ended, or a producer not yet fenced. Each step may be cut by a kill: until the last marker is
// written the transaction is found open again, and the end only repeats what was done.
func recoverData(ctx context.Context, cfg KafkaConfig) error {
	if err := dropStale(cfg.DataDir); err != nil {
		return err
	}
	open, err := findOpen(cfg.DataDir)
	if err != nil {
		return err
	}
	cfg.Logger.Info("embedded Kafka: data of a killed broker read", "openTransactions", len(open))
	if len(open) == 0 {
		return nil
	}
	if err := endAll(ctx, cfg, open); err != nil {
		return err
	}
	// That broker held all of them for aborted, without a marker, and has written so into its snapshots.
	return dropStale(cfg.DataDir)
}

func endAll(ctx context.Context, cfg KafkaConfig, open []openTail) error {
	cluster, err := kfake.NewCluster(brokerOptions(cfg, 0)...)
	if err != nil {
		return err
	}
	defer cluster.Close()
	return endTransactions(ctx, cluster.ListenAddrs()[0], open)
}

// dropStale removes what an orderly stop wrote and a broker would believe although it no longer holds. The
// session state has the transactions that were open at that stop. A partition's snapshot is believed while
// nothing was written since, but one taken within a transaction needs the session state, which is read once;
// and recovery's own broker takes for aborted what is then committed. Without them the broker reads the log.
func dropStale(data string) error {
	if err := removeFile(filepath.Join(data, "session_state.json")); err != nil {
		return err
	}
	entries, err := readDirIfThere(filepath.Join(data, "partitions"))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := removeFile(filepath.Join(data, "partitions", entry.Name(), "snapshot.json")); err != nil {
			return err
		}
	}
	return nil
}

func readDirIfThere(path string) ([]fs.DirEntry, error) {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return entries, err
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
