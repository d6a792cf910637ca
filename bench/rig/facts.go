package rig

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Facts says which servers these are.
func (r *Rig) Facts(ctx context.Context) (map[string]string, error) {
	var version string
	if err := r.pool.QueryRowContext(ctx, `SHOW server_version`).Scan(&version); err != nil {
		return nil, err
	}
	wait, err := syncTime(r.dir)
	if err != nil {
		return nil, fmt.Errorf("measure the disk: %w", err)
	}
	return map[string]string{
		"PostgreSQL": fmt.Sprintf("%s, fsync on, data in %s where a write of 8 KiB and its fsync take %d µs at the median, %v",
			version, filepath.Dir(r.dir), wait.Microseconds(), parameters()),
		"Broker": r.brokerFact(),
	}, nil
}

func (r *Rig) brokerFact() string {
	switch {
	case r.broker != nil:
		return "kfake (franz-go's, in memory), in a process of its own on the same machine"
	case r.endKafka != nil:
		return "Apache Kafka, one broker in KRaft mode, started for this run on the same machine"
	default:
		return "Kafka that ran already"
	}
}

// syncTime is the median of what it takes to make a page durable: commits can't be faster one by one, and much of what the
// competitors differ in is how many of them they need.
func syncTime(dir string) (time.Duration, error) {
	f, err := os.CreateTemp(dir, "sync-")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close() // nothing in it matters
	page, times := make([]byte, 8<<10), make([]time.Duration, 101)
	for i := range times {
		began := time.Now()
		if _, err := f.WriteAt(page, 0); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		times[i] = time.Since(began)
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}
