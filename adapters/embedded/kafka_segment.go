package embedded

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	batchPrefix = 12 // offset and length, which the length does not count
	batchFixed  = 61 // up to the records
	batchLimit  = 1 << 30
	indexEntry  = 15
)

// batch is a whole record batch. Its records are valid until the next one is read.
type batch struct{ kmsg.RecordBatch }

func (b batch) transactional() bool { return b.Attributes&0x10 != 0 }
func (b batch) control() bool       { return b.Attributes&0x20 != 0 }

// commits tells a commit marker from an abort. What cannot be read is an abort, as for the broker.
func (b batch) commits() bool {
	var record kmsg.Record
	var key kmsg.ControlRecordKey
	return record.ReadFrom(b.Records) == nil && key.ReadFrom(record.Key) == nil && key.Type == kmsg.ControlRecordKeyTypeCommit
}

// readSegment calls found for each whole batch of a segment, one in memory at a time; at the first that is
// torn it ends, where the broker cuts the file. It mends the segment's index: a kill between the two writes
// of a batch leaves it one entry short, and from the next start on each batch is taken for its successor's
// kind, in a transaction or not.
func readSegment(dir string, base int64, found func(batch)) error {
	f, err := os.Open(filepath.Join(dir, fmt.Sprintf("%d.dat", base)))
	if err != nil {
		return err
	}
	defer f.Close()
	index, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("%d.idx", base)), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer index.Close()
	entries, err := io.ReadAll(index)
	if err != nil {
		return err
	}
	r, buf := bufio.NewReaderSize(f, 1<<16), []byte(nil)
	for at := 0; ; at += indexEntry {
		b, ok, err := readBatch(r, &buf)
		if !ok || err != nil {
			return err
		}
		found(b)
		entry := b.indexEntry()
		if at+indexEntry <= len(entries) && entries[at+indexEntry-1] == entry[indexEntry-1] {
			continue
		}
		if _, err := index.WriteAt(entry, int64(at)); err != nil {
			return err
		}
	}
}

// indexEntry is the broker's: version, checksum, leader epoch, a timestamp that it reckons anew, in a transaction.
func (b batch) indexEntry() []byte {
	entry := binary.LittleEndian.AppendUint16(make([]byte, 0, indexEntry), 1)
	entry, _ = binary.Append(entry, binary.LittleEndian, b.PartitionLeaderEpoch)
	entry, _ = binary.Append(entry, binary.LittleEndian, b.MaxTimestamp)
	entry, _ = binary.Append(entry, binary.LittleEndian, b.transactional() && !b.control())
	entry[1] = byte(checksum(entry[2:]) & 0xff)
	return entry
}

// readBatch returns false at the end and at a torn batch.
func readBatch(r io.Reader, buf *[]byte) (batch, bool, error) {
	var prefix [batchPrefix]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return batch{}, false, unlessEnded(err)
	}
	length := int(binary.BigEndian.Uint32(prefix[8:]))
	if length < batchFixed-batchPrefix || length > batchLimit {
		return batch{}, false, nil
	}
	raw := slices.Grow(append((*buf)[:0], prefix[:]...), length)[:batchPrefix+length]
	*buf = raw
	if _, err := io.ReadFull(r, raw[batchPrefix:]); err != nil {
		return batch{}, false, unlessEnded(err)
	}
	var b batch
	if checksum(raw[21:]) != binary.BigEndian.Uint32(raw[17:]) || b.ReadFrom(raw) != nil {
		return batch{}, false, nil
	}
	return b, true, nil
}

func checksum(raw []byte) uint32 { return crc32.Checksum(raw, crc32.MakeTable(crc32.Castagnoli)) }

func unlessEnded(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}
