package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tenon-go/tenon/application/eventlog"
)

var _ eventlog.Appender = (*DB)(nil)

// errClosed is what units get that a closing DB finds in the queue.
var errClosed = errors.New("the DB is closed")

// answerWithin bounds how long a caller whose context has ended waits for what became of records that were sent.
const answerWithin = 2 * askFor

// AppendUnit stores the records in a transaction of their own. Units that wait while a statement is in flight go out together
// in the next one, each with its own outcome. Units that somebody else's open transaction holds up, and what is wrong in
// a way of its own, leave the group for a transaction of their own, so that they delay and fail nobody else. Records that are in the log
// already, with the same ids and versions, count as stored: sending them twice is harmless.
//
// Errors are those of [Tx.Append] and [Tx.Commit]. A connection that breaks is made anew and the group sent again, for up to five
// seconds; eventlog.ErrOutcomeUnknown after that.
func (db *DB) AppendUnit(ctx context.Context, records []eventlog.Record) error {
	if len(records) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	u, err := newPending(records)
	if err != nil {
		return err
	}
	if err := db.group.add(u); err != nil {
		return err
	}
	v, err := db.group.await(ctx, u)
	if err != nil || !v.alone {
		return errors.Join(err, v.err)
	}
	db.group.alone.Add(1)
	return db.appendAlone(ctx, records)
}

// appendAlone is the ordinary way.
func (db *DB) appendAlone(ctx context.Context, records []eventlog.Record) error {
	tx, err := db.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing; otherwise another error is being returned
	if err := tx.Append(ctx, records); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// GroupStats counts what AppendUnit did since the DB was opened.
type GroupStats struct {
	Statements int64 // grouped statements sent, repeated ones included
	Units      int64 // units in them
	Alone      int64 // units that left a group for a transaction of their own
}

// GroupStats returns the counts so far. Units by statements is the mean size of a group.
func (db *DB) GroupStats() GroupStats {
	g := &db.group
	return GroupStats{Statements: g.statements.Load(), Units: g.units.Load(), Alone: g.alone.Load()}
}

// pending is a unit in the queue or in flight.
type pending struct {
	rows    []row
	streams []streamKey // of its aggregates
	bytes   int

	answer   chan verdict // holds one
	answered bool
	unsure   bool // sent on a connection that broke: it may be stored
}

type streamKey struct{ kind, key string }

// verdict is what became of a unit: an error or none, or that its caller is to go the ordinary way.
type verdict struct {
	err   error
	alone bool
}

func newPending(records []eventlog.Record) (*pending, error) {
	b, err := newBatch(records)
	if err != nil {
		return nil, err
	}
	u := &pending{rows: b.rows, answer: make(chan verdict, 1)}
	for i := range u.rows {
		r := &u.rows[i]
		u.bytes += r.size()
		if s := (streamKey{r.kind, r.key}); !r.isMessage() && !slices.Contains(u.streams, s) {
			u.streams = append(u.streams, s)
		}
	}
	return u, nil
}

// say answers the caller, once.
func (u *pending) say(v verdict) {
	if u.answered {
		return
	}
	u.answered = true
	if v.err != nil && u.unsure {
		v.err = fmt.Errorf("%w: %w", eventlog.ErrOutcomeUnknown, v.err)
	}
	u.answer <- v
}

// group is the queue of units and whoever sends them: a goroutine that runs while there are any. At most one statement is in
// flight; the next takes all that came meanwhile.
type group struct {
	db     *DB
	life   context.Context //nolint:containedctx // until the DB is closed
	end    context.CancelFunc
	sender sync.WaitGroup

	mu      sync.Mutex
	queue   []*pending
	sending bool
	closed  bool

	statements, units, alone atomic.Int64
}

func (g *group) open(db *DB) {
	g.db = db
	g.life, g.end = context.WithCancel(context.Background())
}

func (g *group) add(u *pending) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return fmt.Errorf("append: %w", errClosed)
	}
	g.queue = append(g.queue, u)
	if !g.sending {
		g.sending = true
		g.sender.Go(g.run)
	}
	return nil
}

// await returns the unit's verdict. A unit that wasn't sent when ctx ended is taken out.
func (g *group) await(ctx context.Context, u *pending) (verdict, error) {
	select {
	case v := <-u.answer:
		return v, nil
	case <-ctx.Done():
	}
	if g.remove(u) {
		return verdict{}, ctx.Err()
	}
	patience := time.NewTimer(answerWithin)
	defer patience.Stop()
	select {
	case v := <-u.answer:
		if v.alone {
			return verdict{}, ctx.Err() // nothing was stored, and nothing will be
		}
		return v, nil
	case <-patience.C:
		return verdict{}, fmt.Errorf("%w: no answer in %v after: %w", eventlog.ErrOutcomeUnknown, answerWithin, ctx.Err())
	}
}

// remove reports whether the unit was still in the queue.
func (g *group) remove(u *pending) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.queue, u)
	if i < 0 {
		return false
	}
	g.queue = slices.Delete(g.queue, i, i+1)
	return true
}

// close fails what is queued and waits for what is in flight.
func (g *group) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.end()
	g.failQueued(fmt.Errorf("append: %w", errClosed))
	g.sender.Wait()
}

func (g *group) failQueued(err error) {
	g.mu.Lock()
	queued := g.queue
	g.queue = nil
	g.mu.Unlock()
	for _, u := range queued {
		u.say(verdict{err: err})
	}
}
