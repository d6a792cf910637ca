package lanes_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay/lanes"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// racingLog commits something after it has read and before the reader knows that.
type racingLog struct {
	relaying.Log
	commit func()
	reads  atomic.Int32
}

// Read implements relaying.Log.
func (l *racingLog) Read(ctx context.Context, q relaying.Query) (relaying.Page, error) {
	page, err := l.Log.Read(ctx, q)
	if l.reads.Add(1) == 2 {
		l.commit()
	}
	return page, err
}

func TestCommitWhileThePageIsOnItsWayIsSeen(t *testing.T) {
	t.Parallel()
	db, broker := open(t, database(t)), embeddedtest.Broker(t)
	log := &racingLog{Log: postgres.NewLaneLog(db), commit: func() { appendEach(t, db, events("a", 1, 1)...) }}
	run(t, must(newNode(db, broker, options{change: func(cfg *lanes.Config) { cfg.Log, cfg.Poll = log, nil }}))(t))
	waitPublished(t, broker, "a", 1)
}

// brief is a target whose sessions commit once.
type brief struct {
	relaying.Target
	commits atomic.Int32
}

// Take implements relaying.Target.
func (b *brief) Take(ctx context.Context, log uuid.UUID, lane int) (relaying.Session, relaying.State, error) {
	s, state, err := b.Target.Take(ctx, log, lane)
	return briefSession{s, b}, state, err
}

type briefSession struct {
	relaying.Session
	target *brief
}

// Commit implements relaying.Session.
func (s briefSession) Commit(ctx context.Context, b relaying.Batch) error {
	if s.target.commits.Add(1) > 1 {
		return eventlog.ErrUnavailable
	}
	return s.Session.Commit(ctx, b)
}

// Nobody tells the second relay of what was committed before it began, and after the first opened the window.
func TestRelayThatGoesOnInAWindowReadsBeyondIt(t *testing.T) {
	t.Parallel()
	db, broker := open(t, database(t)), embeddedtest.Broker(t)
	appendEach(t, db, events("a", 1, 3)...)
	target := &brief{}
	two := func(cfg *lanes.Config) { cfg.BatchRecords, cfg.Poll = 2, nil }
	o := options{change: two, wrap: func(to relaying.Target) relaying.Target { target.Target = to; return target }}
	end := run(t, must(newNode(db, broker, o))(t))
	waitFor(t, "a second batch", func() bool { return target.commits.Load() > 1 })
	if err := end(); err != nil {
		t.Fatal(err)
	}
	appendEach(t, db, events("a", 4, 5)...)
	run(t, must(newNode(db, broker, options{change: two}))(t))
	waitPublished(t, broker, "a", 5)
}
