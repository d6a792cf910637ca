// Package memory is the reference implementation of the kernel's contracts inside one process: what a test or a first try
// uses where production has PostgreSQL and Kafka. [Log] is the database: event log, transactions and the [Table]s that
// [Repository] and [Checkpoints] keep their rows in. [Broker] has topics and partitions; [Relay] carries the log to it,
// [Source] reads it as a member of a group, [DeadLetters] takes copies.
//
// It behaves like the real thing where that matters to its users: positions are handed out before the commit and so disagree
// with it in order, writers of one aggregate wait for each other, a deadlock gives up one of them. Nothing outlives the
// process. All of it passes the conformance suites of package applicationtest.
package memory

import (
	"context"
	"fmt"
	"sync"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// Log is the event log and the database around it. Safe for concurrent use; make it with [NewLog].
type Log struct {
	id     uuid.UUID // part of every cursor, so that another log's is noticed
	signal eventlog.Signal

	mu        sync.Mutex
	position  int64                     // the last one handed out
	committed []eventlog.Record         // in the order of the commits: the index is the cursor
	streams   map[stream][]int          // indexes into committed, by rising version
	rows      map[row]any               // all tables
	locks     map[resource]*lockHolders // what open transactions hold
	outages   int                       // how many calls of Break aren't mended yet
}

// stream names an aggregate.
type stream struct{ aggregateType, id string }

var _ eventlog.Store = (*Log)(nil)

// NewLog returns an empty log.
func NewLog() *Log {
	return &Log{
		id:      uuid.New(),
		streams: make(map[stream][]int),
		rows:    make(map[row]any),
		locks:   make(map[resource]*lockHolders),
	}
}

// Signal returns what is raised after every commit that stored records, and when an outage begins or ends.
func (l *Log) Signal() *eventlog.Signal { return &l.signal }

// Begin opens a transaction, READ COMMITTED: each call sees what was committed before it.
func (l *Log) Begin(ctx context.Context) (eventlog.Tx, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.ready(ctx); err != nil {
		return nil, fmt.Errorf("begin transaction: %w", err)
	}
	return &Tx{log: l, heads: make(map[stream]domain.Version), dirty: make(map[row]any), ended: make(chan struct{})}, nil
}

// Break starts an outage: until mend is called everything gives eventlog.ErrUnavailable, and transactions that are open can't
// commit. Mending twice does nothing.
func (l *Log) Break() (mend func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.outages++
	l.signal.Raise() // who waits for commits learns of it
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.outages--
		l.signal.Raise()
	})
}

// ready reports why nothing can be done now. The caller holds the mutex.
func (l *Log) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if l.outages > 0 {
		return fmt.Errorf("memory log: %w", eventlog.ErrUnavailable)
	}
	return nil
}

// head returns the committed version of an aggregate, 0 when it doesn't exist. The caller holds the mutex.
func (l *Log) head(s stream) domain.Version {
	indexes := l.streams[s]
	if len(indexes) == 0 {
		return 0
	}
	return l.committed[indexes[len(indexes)-1]].Version
}
