package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/domain"
)

// A stream is read in chunks of 500.
func TestStreamAcrossChunks(t *testing.T) {
	t.Parallel()
	db := open(t)
	store(t, db, events("a", 1, 1000)...)
	for after, want := range map[domain.Version]int{0: 1000, 1: 999, 500: 500, 999: 1, 1000: 0} {
		stream := db.Stream(t.Context(), nil, "order", "a", after)
		for range 2 { // a sequence can be run again
			n, last := 0, after
			for r, err := range stream {
				if err != nil {
					t.Fatal(err)
				}
				if r.Version != last+1 {
					t.Fatalf("version %d after %d", r.Version, last)
				}
				n, last = n+1, r.Version
			}
			if n != want {
				t.Errorf("%d events after version %d, want %d", n, after, want)
			}
		}
	}
}

func TestStreamHoldsNoConnectionWhileItsEventsAreUsed(t *testing.T) {
	t.Parallel()
	db := openConfig(t, postgres.Config{URL: migratedURL(t), MaxConns: 1})
	store(t, db, events("a", 1, 3)...)
	for _, err := range db.Stream(t.Context(), nil, "order", "a", 0) {
		if err != nil {
			t.Fatal(err)
		}
		if used := db.Pool().Stats().InUse; used != 0 {
			t.Fatalf("%d connections in use", used)
		}
	}
	tx := beginTx(t, db)
	for r, err := range db.Stream(t.Context(), tx, "order", "a", 0) {
		if err != nil {
			t.Fatal(err)
		}
		appendTo(t, tx, event("copy", r.Version)) // the transaction is free in between
	}
	commit(t, tx)
}

func TestStreamEndsWithItsError(t *testing.T) {
	t.Parallel()
	db := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n := 0
	for r, err := range db.Stream(ctx, nil, "order", "a", 0) {
		n++
		if !errors.Is(err, context.Canceled) || r.Version != 0 {
			t.Errorf("yielded version %d, %v; want context.Canceled", r.Version, err)
		}
	}
	if n != 1 {
		t.Errorf("%d yields, want one", n)
	}
}
