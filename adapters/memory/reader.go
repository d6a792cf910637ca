package memory

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

var (
	_ eventlog.Reader  = (*Log)(nil)
	_ eventlog.Streams = (*Log)(nil)
)

// Read returns records in the order of their commits, which is the same for every reader.
func (l *Log) Read(ctx context.Context, after eventlog.Cursor, limit int) (eventlog.Page, error) {
	if limit < 1 {
		return eventlog.Page{}, fmt.Errorf("read log: limit %d, want at least 1", limit)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.ready(ctx); err != nil {
		return eventlog.Page{}, fmt.Errorf("read log: %w", err)
	}
	start, err := l.index(after)
	if err != nil {
		return eventlog.Page{}, fmt.Errorf("read log: %w", err)
	}
	end := min(start+limit, len(l.committed))
	page := eventlog.Page{Next: l.cursor(end), More: end < len(l.committed)}
	for i := start; i < end; i++ {
		page.Records = append(page.Records, clone(&l.committed[i]))
	}
	return page, nil
}

func (l *Log) cursor(index int) eventlog.Cursor {
	return eventlog.Cursor(l.id.String() + "/" + strconv.Itoa(index))
}

// index returns where to go on after the cursor.
func (l *Log) index(c eventlog.Cursor) (int, error) {
	if c == "" {
		return 0, nil
	}
	id, number, _ := strings.Cut(string(c), "/")
	log, idErr := uuid.Parse(id)
	index, err := strconv.Atoi(number)
	switch {
	case idErr != nil || err != nil || index < 0:
		return 0, fmt.Errorf("cursor %q is none of a memory log", c)
	case log != l.id:
		return 0, fmt.Errorf("cursor %q belongs to log %s, this is %s", c, log, l.id)
	case index > len(l.committed):
		return 0, fmt.Errorf("cursor %q is ahead of the log, which has %d records", c, len(l.committed))
	}
	return index, nil
}

// Stream yields what is committed when it is called, and what tx has written.
func (l *Log) Stream(
	ctx context.Context, tx eventlog.Tx, aggregateType, id string, after domain.Version,
) iter.Seq2[eventlog.Record, error] {
	return func(yield func(eventlog.Record, error) bool) {
		records, err := l.stream(ctx, tx, stream{aggregateType, id}, after)
		if err != nil {
			yield(eventlog.Record{}, fmt.Errorf("read stream of %s %s: %w", aggregateType, id, err))
			return
		}
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (l *Log) stream(ctx context.Context, tx eventlog.Tx, s stream, after domain.Version) ([]eventlog.Record, error) {
	ours, err := l.own(tx)
	if err != nil {
		return nil, err
	}
	var records []eventlog.Record
	if ours == nil {
		err = l.look(ctx, func() error {
			records = l.committedSince(s, after)
			return nil
		})
		return records, err
	}
	err = ours.do(ctx, func() error {
		records = l.committedSince(s, after)
		for i := range ours.pending {
			if r := &ours.pending[i]; !r.IsMessage() && streamOf(r) == s && r.Version > after {
				records = append(records, clone(r))
			}
		}
		return nil
	})
	return records, err
}

// committedSince returns the aggregate's events above the version. The caller holds the mutex.
func (l *Log) committedSince(s stream, after domain.Version) []eventlog.Record {
	var records []eventlog.Record
	for _, i := range l.streams[s] {
		if l.committed[i].Version > after {
			records = append(records, clone(&l.committed[i]))
		}
	}
	return records
}
