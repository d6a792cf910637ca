package lanes_test

import (
	"context"
	"sync/atomic"
	"testing"

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

// Nobody tells the second relay of what was committed before it began, and after the first opened the window.
func TestRelayThatGoesOnInAWindowReadsBeyondIt(t *testing.T) {
	t.Parallel()
	db, broker := open(t, database(t)), embeddedtest.Broker(t)
	appendEach(t, db, events("a", 1, 3)...)
	var commits atomic.Int32
	once := func(_ int, _ relaying.Batch, commit func() error) error {
		if commits.Add(1) > 1 {
			return eventlog.ErrUnavailable
		}
		return commit()
	}
	two := func(cfg *lanes.Config) { cfg.BatchRecords, cfg.Poll = 2, nil }
	end := run(t, must(newNode(db, broker, options{change: two, tap: once}))(t))
	waitFor(t, "a second batch", func() bool { return commits.Load() > 1 })
	if err := end(); err != nil {
		t.Fatal(err)
	}
	appendEach(t, db, events("a", 4, 5)...)
	run(t, must(newNode(db, broker, options{change: two}))(t))
	waitPublished(t, broker, "a", 5)
}
