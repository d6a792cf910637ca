package embedded

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// openTail is what a transaction left in one partition that has no marker there.
type openTail struct {
	topic     string
	partition int32
	producer  int64
	epoch     int16
	newest    int64 // timestamp of its last batch, in milliseconds
	committed bool  // the transaction was decided: its marker is in another partition
}

// commitMark is the last commit of a producer in any partition.
type commitMark struct {
	epoch int16
	at    int64
}

// findOpen reads the headers of all batches and returns the transactions without an end. It keeps one
// entry per partition and producer.
//
// The broker writes the markers of one EndTxn partition by partition and no decision before them, so a kill
// may leave some partitions without theirs. Such a transaction was decided, and is to be committed
// everywhere, if its commit marker is anywhere. A marker is known to be the same transaction's by producer
// and epoch, because since KIP-890 every transaction has an epoch of its own. Producers of older clients
// stay in one epoch, one transaction after the other: there a marker older than the records is an earlier
// one's.
func findOpen(data string) ([]openTail, error) {
	root := filepath.Join(data, "partitions")
	entries, err := readDirIfThere(root)
	if err != nil {
		return nil, err
	}
	var open []openTail
	commits := make(map[int64]commitMark)
	for _, entry := range entries {
		topic, partition, ok := partitionOf(entry.Name())
		if !ok {
			continue
		}
		tails, err := readPartition(filepath.Join(root, entry.Name()), commits)
		if err != nil {
			return nil, err
		}
		for _, tail := range tails {
			tail.topic, tail.partition = topic, partition
			open = append(open, tail)
		}
	}
	for i, tail := range open {
		last, ok := commits[tail.producer]
		open[i].committed = ok && last.epoch == tail.epoch && last.at >= tail.newest
	}
	return open, nil
}

// readPartition returns the partition's open transactions by producer and adds its commits.
func readPartition(dir string, commits map[int64]commitMark) (map[int64]openTail, error) {
	segments, err := segmentsOf(dir)
	if err != nil {
		return nil, err
	}
	tails := make(map[int64]openTail)
	for _, base := range segments {
		err := readSegment(dir, base, func(b batch) {
			switch {
			case !b.transactional():
			case !b.control():
				newest := max(b.MaxTimestamp, tails[b.ProducerID].newest)
				tails[b.ProducerID] = openTail{producer: b.ProducerID, epoch: b.ProducerEpoch, newest: newest}
			default:
				delete(tails, b.ProducerID)
				if last, ok := commits[b.ProducerID]; b.commits() && (!ok || later(b, last)) {
					commits[b.ProducerID] = commitMark{epoch: b.ProducerEpoch, at: b.MaxTimestamp}
				}
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return tails, nil
}

func later(b batch, than commitMark) bool {
	return b.ProducerEpoch > than.epoch || b.ProducerEpoch == than.epoch && b.MaxTimestamp > than.at
}

// segmentsOf returns the base offsets of a partition's segments in order.
func segmentsOf(dir string) ([]int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var bases []int64
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), ".dat")
		if base, err := strconv.ParseInt(name, 10, 64); ok && err == nil {
			bases = append(bases, base)
		}
	}
	slices.Sort(bases)
	return bases, nil
}

// partitionOf takes the name of a partition's directory apart.
func partitionOf(name string) (topic string, partition int32, ok bool) {
	at := strings.LastIndexByte(name, '-')
	if at < 0 {
		return "", 0, false
	}
	topic, err := url.PathUnescape(name[:at])
	n, numErr := strconv.ParseInt(name[at+1:], 10, 32)
	return topic, int32(n), err == nil && numErr == nil
}
