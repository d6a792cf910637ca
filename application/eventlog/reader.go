package eventlog

import (
	"context"
	"iter"

	"github.com/tenon-go/tenon/domain"
)

// Cursor is a place in the log, in a form that only its log understands; it can be stored as text. The zero value is
// the beginning. It is not a position: positions and commits disagree in order.
type Cursor string

// Page is a run of records.
type Page struct {
	Records []Record // in the order to be handled; owned by the caller
	Next    Cursor   // where to go on when all of Records are handled
	More    bool     // whether Next may have records already: ask again without waiting
}

// Reader reads the whole log. Every committed record appears exactly once along a chain of cursors, an aggregate's
// records in the order of their versions, whatever the order in which transactions commit. A transaction that stays
// open delays nothing but its own records. Safe for concurrent use.
type Reader interface {
	// Read returns at most limit records after the cursor; limit is at least 1. An empty page is no error. Going back to an
	// older cursor gives all of its records again, an aggregate's in the same order; what was committed late may then come
	// among them. A cursor of another log or of a log that was set back gives an error that says so.
	Read(ctx context.Context, after Cursor, limit int) (Page, error)
}

// Streams reads single aggregates. Safe for concurrent use.
type Streams interface {
	// Stream yields the events of one aggregate with versions above after, oldest first. It ends after the first error.
	// An aggregate that doesn't exist yields nothing. tx may be nil; else what tx wrote is seen.
	Stream(ctx context.Context, tx Tx, aggregateType, id string, after domain.Version) iter.Seq2[Record, error]
}
