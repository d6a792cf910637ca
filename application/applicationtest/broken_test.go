package applicationtest_test

import (
	"context"
	"strings"
	"testing"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/eventlog"
)

// caught fails the test unless the check reported what is broken, in words that name it.
func caught(t *testing.T, err error, words string) {
	t.Helper()
	switch {
	case err == nil:
		t.Error("the suite doesn't notice")
	case !strings.Contains(err.Error(), words):
		t.Errorf("the suite reports %q, want a report with %q", err, words)
	}
}

// brokenStore is a correct store of which some functions are replaced.
type brokenStore struct {
	eventlog.Store
	begin func(ctx context.Context) (eventlog.Tx, error)
	tx    func(eventlog.Tx) eventlog.Tx
}

func (s brokenStore) Begin(ctx context.Context) (eventlog.Tx, error) {
	if s.begin != nil {
		return s.begin(ctx)
	}
	tx, err := s.Store.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return s.tx(tx), nil
}

// brokenTx is a correct transaction of which some functions are replaced.
type brokenTx struct {
	eventlog.Tx
	append   func(context.Context, []eventlog.Record) error
	guard    func(context.Context, []eventlog.Head) error
	commit   func(context.Context) error
	rollback func() error
}

func (tx *brokenTx) Append(ctx context.Context, records []eventlog.Record) error {
	if tx.append != nil {
		return tx.append(ctx, records)
	}
	return tx.Tx.Append(ctx, records)
}

func (tx *brokenTx) Guard(ctx context.Context, heads []eventlog.Head) error {
	if tx.guard != nil {
		return tx.guard(ctx, heads)
	}
	return tx.Tx.Guard(ctx, heads)
}

func (tx *brokenTx) Commit(ctx context.Context) error {
	if tx.commit != nil {
		return tx.commit(ctx)
	}
	return tx.Tx.Commit(ctx)
}

func (tx *brokenTx) Rollback() error {
	if tx.rollback != nil {
		return tx.rollback()
	}
	return tx.Tx.Rollback()
}

// withTx returns a fixture whose transactions are broken.
func withTx(tx func(*memory.Log, eventlog.Tx) eventlog.Tx) func() applicationtest.StoreFixture {
	return func() applicationtest.StoreFixture {
		log := memory.NewLog()
		store := brokenStore{Store: log, tx: func(inner eventlog.Tx) eventlog.Tx { return tx(log, inner) }}
		return applicationtest.StoreFixture{Store: store, Reader: log, Streams: log}
	}
}

// withAppend returns a fixture that changes records before they are appended.
func withAppend(change func(eventlog.Record) eventlog.Record) func() applicationtest.StoreFixture {
	return withTx(func(_ *memory.Log, tx eventlog.Tx) eventlog.Tx {
		return &brokenTx{Tx: tx, append: func(ctx context.Context, records []eventlog.Record) error {
			changed := make([]eventlog.Record, len(records))
			for i := range records {
				changed[i] = change(records[i])
			}
			return tx.Append(ctx, changed)
		}}
	})
}

// brokenReader reads by a function.
type brokenReader func(ctx context.Context, after eventlog.Cursor, limit int) (eventlog.Page, error)

func (r brokenReader) Read(ctx context.Context, after eventlog.Cursor, limit int) (eventlog.Page, error) {
	return r(ctx, after, limit)
}

// withReader returns a fixture whose reader is broken.
func withReader(read func(log *memory.Log) brokenReader) func() applicationtest.StoreFixture {
	return func() applicationtest.StoreFixture {
		log := memory.NewLog()
		return applicationtest.StoreFixture{Store: log, Reader: read(log), Streams: log}
	}
}
