package memory

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

func (tx *Tx) append(ctx context.Context, records []eventlog.Record) error {
	var written []stream
	for i := range records {
		if err := validate(&records[i]); err != nil {
			return err
		}
		if !records[i].IsMessage() {
			written = append(written, streamOf(&records[i]))
		}
	}
	if err := tx.lockStreams(ctx, written, exclusive); err != nil {
		return err
	}
	for i := range records {
		if err := tx.add(&records[i]); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) guard(ctx context.Context, heads []eventlog.Head) error {
	var read []stream
	for _, h := range heads {
		read = append(read, stream{h.Type, h.ID})
	}
	if err := tx.lockStreams(ctx, read, shared); err != nil {
		return err
	}
	for _, h := range heads {
		if actual := tx.log.head(stream{h.Type, h.ID}); actual != h.Version {
			return &domain.ConflictError{Type: h.Type, ID: h.ID, Expected: h.Version, Actual: actual}
		}
	}
	return nil
}

// lockStreams locks in one order for all transactions, so that single calls can't wait in a circle.
func (tx *Tx) lockStreams(ctx context.Context, streams []stream, mode lockMode) error {
	slices.SortFunc(streams, func(a, b stream) int {
		return cmp.Or(cmp.Compare(a.aggregateType, b.aggregateType), cmp.Compare(a.id, b.id))
	})
	for _, s := range slices.Compact(streams) {
		if err := tx.log.lock(ctx, tx, s, mode); err != nil {
			return err
		}
	}
	return nil
}

// add gives the record its position, long before others can see it.
func (tx *Tx) add(r *eventlog.Record) error {
	if s := streamOf(r); !r.IsMessage() {
		if head := tx.head(s); r.Version <= head {
			return &domain.ConflictError{Type: r.AggregateType, ID: r.AggregateID, Expected: r.Version - 1, Actual: head}
		}
		tx.heads[s] = r.Version
	}
	added := clone(r)
	added.RecordedAt = r.RecordedAt.UTC().Truncate(time.Microsecond)
	tx.log.position++
	added.Position = tx.log.position
	tx.pending = append(tx.pending, added)
	return nil
}

// head returns an aggregate's version as this transaction sees it.
func (tx *Tx) head(s stream) domain.Version {
	if own, ok := tx.heads[s]; ok {
		return own
	}
	return tx.log.head(s)
}

// store puts the records at the end of the log. The caller holds the mutex.
func (l *Log) store(records []eventlog.Record) {
	for i := range records {
		if !records[i].IsMessage() {
			s := streamOf(&records[i])
			l.streams[s] = append(l.streams[s], len(l.committed))
		}
		l.committed = append(l.committed, records[i])
	}
}

func validate(r *eventlog.Record) error {
	switch {
	case r.Version < 0:
		return fmt.Errorf("event %s (%s): version %d, want 0 for a message or a version from 1", r.ID, r.Type, r.Version)
	case !json.Valid(r.Payload) || !utf8.Valid(r.Payload):
		return fmt.Errorf("event %s (%s): payload of %d bytes is not valid JSON in UTF-8", r.ID, r.Type, len(r.Payload))
	}
	return nil
}

func streamOf(r *eventlog.Record) stream { return stream{r.AggregateType, r.AggregateID} }

// clone returns a copy that shares no memory with r.
func clone(r *eventlog.Record) eventlog.Record {
	c := *r
	c.Payload = bytes.Clone(r.Payload)
	c.Metadata = maps.Clone(r.Metadata)
	return c
}
