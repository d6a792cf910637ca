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

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	batchPrefix = 12 // offset and length, which the length does not count
	batchFixed  = 61 // up to the records
	batchLimit  = 1 << 30
	indexEntry  = 15
)

// batchHeader is what a record batch says of its transaction.
type batchHeader struct {
	leaderEpoch uint32
	attributes  uint16
	newest      int64
	producer    int64
	epoch       int16
	commit      bool // of a control batch
}

func (b batchHeader) transactional() bool { return b.attributes&0x10 != 0 }
func (b batchHeader) control() bool       { return b.attributes&0x20 != 0 }

// readSegment calls found for each whole batch of a segment, one in memory at a time; at the first that is
// torn it ends, where the broker cuts the file. It adds what the segment's index lacks: a kill between the
// two writes of a batch leaves the index one entry short, and from then on each batch is taken for its
// successor's kind, in a transaction or not.
func readSegment(dir string, base int64, found func(batchHeader)) error {
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
	info, err := index.Stat()
	if err != nil {
		return err
	}
	indexed, r, buf := info.Size()/indexEntry, bufio.NewReaderSize(f, 1<<16), []byte(nil)
	for n := int64(0); ; n++ {
		b, ok, err := readBatch(r, &buf)
		if !ok || err != nil {
			return err
		}
		found(b)
		if n < indexed {
			continue
		}
		if _, err := index.WriteAt(b.indexEntry(), n*indexEntry); err != nil {
			return err
		}
	}
}

// indexEntry is the broker's: version, checksum, leader epoch, a timestamp that it reckons anew, in a transaction.
func (b batchHeader) indexEntry() []byte {
	entry := make([]byte, indexEntry)
	entry[0] = 1
	binary.LittleEndian.PutUint32(entry[2:], b.leaderEpoch)
	binary.LittleEndian.PutUint64(entry[6:], uint64(b.newest)) //nolint:gosec // the same bits
	if b.transactional() && !b.control() {
		entry[14] = 1
	}
	//nolint:gosec // the broker keeps the last byte
	entry[1] = byte(crc32.Checksum(entry[2:], crc32.MakeTable(crc32.Castagnoli)))
	return entry
}

// readBatch returns false at the end and at a torn batch.
func readBatch(r io.Reader, buf *[]byte) (batchHeader, bool, error) {
	var prefix [batchPrefix]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return batchHeader{}, false, atEnd(err)
	}
	length := int(binary.BigEndian.Uint32(prefix[8:]))
	if length < batchFixed-batchPrefix || length > batchLimit {
		return batchHeader{}, false, nil
	}
	if cap(*buf) < length {
		*buf = make([]byte, length)
	}
	raw := (*buf)[:length]
	if _, err := io.ReadFull(r, raw); err != nil {
		return batchHeader{}, false, atEnd(err)
	}
	if crc32.Checksum(raw[9:], crc32.MakeTable(crc32.Castagnoli)) != binary.BigEndian.Uint32(raw[5:]) {
		return batchHeader{}, false, nil
	}
	b := batchHeader{
		leaderEpoch: binary.BigEndian.Uint32(raw),
		attributes:  binary.BigEndian.Uint16(raw[9:]),
		newest:      int64(binary.BigEndian.Uint64(raw[23:])), //nolint:gosec // the same bits, as below
		producer:    int64(binary.BigEndian.Uint64(raw[31:])), //nolint:gosec // as above
		epoch:       int16(binary.BigEndian.Uint16(raw[39:])), //nolint:gosec // as above
	}
	if b.control() {
		b.commit = commits(raw[batchFixed-batchPrefix:])
	}
	return b, true, nil
}

// commits tells a commit marker from an abort. What cannot be read is an abort, as for the broker.
func commits(records []byte) bool {
	var record kmsg.Record
	var key kmsg.ControlRecordKey
	return record.ReadFrom(records) == nil && key.ReadFrom(record.Key) == nil && key.Type == kmsg.ControlRecordKeyTypeCommit
}

func atEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}
