package applicationtest_test

import (
	"context"
	"math"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/eventlog"
)

// TestReaderCatches breaks the reader in the ways that readers of logs are usually broken.
func TestReaderCatches(t *testing.T) {
	t.Parallel()
	const once = "every record once and in order beside concurrent writers"
	tests := map[string]struct {
		fixture func() applicationtest.StoreFixture
		check   string
		words   string
	}{
		"position > last":            {withReader(byPosition), "a late commit is not skipped", "records differ"},
		"position > last, writers":   {withReader(byPosition), once, "record ids differ"},
		"waiting for the oldest":     {withHorizon, "an open transaction delays nothing but its own records", "records differ"},
		"newest first":               {withReader(newestFirst), "an aggregate written before and after a late commit stays in order", "records differ"},
		"last record again":          {withReader(overlapping), "windows of 3 records are read in pages of 3", "records differ"},
		"end of a full page missed":  {withReader(noMore), "windows of 4 records are read in pages of 3", "records differ"},
		"record after a page missed": {withReader(skipping), "windows of 7 records are read in pages of 3", "records differ"},
		"limit ignored":              {withReader(limitless), "windows of 4 records are read in pages of 3", "limit was 3"},
		"more for ever":              {withReader(alwaysMore), "windows of 0 records are read in pages of 3", "says for ever"},
		"any cursor is a beginning":  {withReader(lenient), "a cursor of no log is an error", "no error"},
		"cursor kept by the reader":  {withReader(stateful()), "going back gives the same records in the same order", "records differ"},
		"deaf to contexts":           {withReader(deafReader), "a cancelled context stops Read", "want one that is"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			caught(t, applicationtest.CheckStore(t, tt.check, tt.fixture()), tt.words)
		})
	}
}

// byPosition is the naive cursor: positions are handed out before the commit, so it passes late ones by.
func byPosition(log *memory.Log) brokenReader {
	return func(ctx context.Context, after eventlog.Cursor, limit int) (eventlog.Page, error) {
		last, err := strconv.ParseInt("0"+string(after), 10, 64)
		if err != nil {
			return eventlog.Page{}, err
		}
		page, err := log.Read(ctx, "", math.MaxInt32)
		slices.SortFunc(page.Records, func(a, b eventlog.Record) int { return int(a.Position - b.Position) })
		rest := slices.DeleteFunc(page.Records, func(r eventlog.Record) bool { return r.Position <= last })
		page.Records = rest[:min(limit, len(rest))]
		page.More = len(rest) > limit
		if n := len(page.Records); n > 0 {
			last = page.Records[n-1].Position
		}
		page.Next = eventlog.Cursor(strconv.FormatInt(last, 10))
		return page, err
	}
}

// withHorizon shows nothing while any transaction is open, as readers do that wait for the oldest one.
func withHorizon() applicationtest.StoreFixture {
	log := memory.NewLog()
	var mu sync.Mutex
	open := 0
	count := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		open += n
	}
	store := brokenStore{Store: log, tx: func(tx eventlog.Tx) eventlog.Tx {
		count(1)
		ended := sync.OnceFunc(func() { count(-1) })
		return &brokenTx{
			Tx:       tx,
			commit:   func(ctx context.Context) error { defer ended(); return tx.Commit(ctx) },
			rollback: func() error { defer ended(); return tx.Rollback() },
		}
	}}
	reader := brokenReader(func(ctx context.Context, after eventlog.Cursor, limit int) (eventlog.Page, error) {
		mu.Lock()
		defer mu.Unlock()
		if open > 0 {
			return eventlog.Page{Next: after}, nil
		}
		return log.Read(ctx, after, limit)
	})
	return applicationtest.StoreFixture{Store: store, Reader: reader, Streams: log}
}

// newestFirst gives each record once, but of those at hand the newest first.
func newestFirst(log *memory.Log) brokenReader {
	seen := make(map[uuid.UUID]bool)
	return func(ctx context.Context, _ eventlog.Cursor, limit int) (eventlog.Page, error) {
		page, err := log.Read(ctx, "", math.MaxInt32)
		rest := slices.DeleteFunc(page.Records, func(r eventlog.Record) bool { return seen[r.ID] })
		slices.Reverse(rest)
		page.Records, page.More = rest[:min(limit, len(rest))], len(rest) > limit
		for i := range page.Records {
			seen[page.Records[i].ID] = true
		}
		return page, err
	}
}

func overlapping(log *memory.Log) brokenReader {
	return func(ctx context.Context, after eventlog.Cursor, limit int) (eventlog.Page, error) {
		page, err := log.Read(ctx, after, limit)
		if len(page.Records) == limit && limit > 1 {
			before, err := log.Read(ctx, after, limit-1)
			page.Next = before.Next
			return page, err
		}
		return page, err
	}
}

func noMore(log *memory.Log) brokenReader {
	return func(ctx context.Context, after eventlog.Cursor, limit int) (eventlog.Page, error) {
		page, err := log.Read(ctx, after, limit)
		page.More = false
		return page, err
	}
}

func skipping(log *memory.Log) brokenReader {
	return func(ctx context.Context, after eventlog.Cursor, limit int) (eventlog.Page, error) {
		page, err := log.Read(ctx, after, limit+1)
		page.Records = page.Records[:min(limit, len(page.Records))]
		return page, err
	}
}

func limitless(log *memory.Log) brokenReader {
	return func(ctx context.Context, after eventlog.Cursor, _ int) (eventlog.Page, error) {
		return log.Read(ctx, after, math.MaxInt32)
	}
}

func alwaysMore(log *memory.Log) brokenReader {
	return func(ctx context.Context, after eventlog.Cursor, limit int) (eventlog.Page, error) {
		page, err := log.Read(ctx, after, limit)
		page.More = true
		return page, err
	}
}

func lenient(log *memory.Log) brokenReader {
	return func(ctx context.Context, after eventlog.Cursor, limit int) (eventlog.Page, error) {
		page, err := log.Read(ctx, after, limit)
		if err != nil {
			return log.Read(ctx, "", limit)
		}
		return page, nil
	}
}

// stateful goes on where it stopped, whatever the cursor says.
func stateful() func(log *memory.Log) brokenReader {
	return func(log *memory.Log) brokenReader {
		var last eventlog.Cursor
		return func(ctx context.Context, _ eventlog.Cursor, limit int) (eventlog.Page, error) {
			page, err := log.Read(ctx, last, limit)
			last = page.Next
			return page, err
		}
	}
}

func deafReader(log *memory.Log) brokenReader {
	return func(ctx context.Context, after eventlog.Cursor, limit int) (eventlog.Page, error) {
		return log.Read(context.WithoutCancel(ctx), after, limit)
	}
}
