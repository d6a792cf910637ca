package lanes_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay/lanes"
	"github.com/tenon-go/tenon/adapters/relay/relaytest"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// watchedLog counts pages that were read and are still in use.
type watchedLog struct {
	relaying.Log
	pages, most atomic.Int64
}

// Read implements relaying.Log.
func (w *watchedLog) Read(ctx context.Context, q relaying.Query) (relaying.Page, error) {
	page, err := w.Log.Read(ctx, q)
	if err == nil && len(page.Records) > 0 {
		runtime.AddCleanup(&page.Records[0], func(int) { w.pages.Add(-1) }, 0)
		runtime.GC() // so that what nobody holds any more doesn't count
		w.most.Store(max(w.most.Load(), w.pages.Add(1)))
	}
	return page, err
}

func TestPagesAreBounded(t *testing.T) {
	t.Parallel()
	db, broker := open(t, database(t)), embeddedtest.Broker(t)
	limitTopic(t, broker, "3000000")
	for v := 1; v <= 100; v++ {
		r := relaytest.Event("a", v)
		r.Payload = []byte(`"` + strings.Repeat(uuid.NewString(), 1<<20/36) + `"`)
		appendEach(t, db, r)
	}
	log, largest := &watchedLog{Log: postgres.NewLaneLog(db)}, atomic.Int64{}
	o := options{bytes: 4 << 20, change: func(cfg *lanes.Config) { cfg.Log = log }}
	o.kafka.CommitTimeout, o.kafka.TakeTimeout = time.Minute, time.Minute // a busy machine takes long for a batch as large as that
	o.tap = func(_ int, b relaying.Batch, commit func() error) error {
		largest.Store(max(largest.Load(), payloadBytes(b)))
		return commit()
	}
	run(t, must(newNode(db, broker, o))(t))
	waitPublished(t, broker, "a", 100)
	if got := largest.Load(); got > 4<<20 || got == 0 {
		t.Errorf("the largest batch has %d bytes, want 1 to %d", got, 4<<20)
	}
	if n := log.most.Load(); n > 3 {
		t.Errorf("%d pages were held at once, want 3 at most", n)
	}
}

// padded returns events with payloads of 1 kB.
func padded(id string, from, to int) []eventlog.Record {
	all := events(id, from, to)
	for i := range all {
		all[i].Payload = []byte(`"` + strings.Repeat("x", 998) + `"`)
	}
	return all
}

func payloadBytes(b relaying.Batch) (size int64) {
	for _, r := range b.Records {
		size += int64(len(r.Payload))
	}
	return size
}

func TestBatchesFitASlowLine(t *testing.T) {
	t.Parallel()
	db, broker := open(t, database(t)), embeddedtest.Broker(t)
	var most, largest atomic.Int64
	slow := func(_ int, b relaying.Batch, commit func() error) error {
		size := payloadBytes(b)
		if most := most.Load(); most > 0 && size > most {
			return eventlog.ErrUnavailable // as if it took too long to send
		}
		largest.Store(max(largest.Load(), size))
		return commit()
	}
	most.Store(10_000) // a page takes all 100
	appendEach(t, db, padded("a", 1, 100)...)
	run(t, must(newNode(db, broker, options{tap: slow}))(t))
	waitPublished(t, broker, "a", 100)
	most.Store(0)
	for v := 1; largest.Load() <= 50_000; v += 100 {
		if err := relaytest.Append(t.Context(), db, padded("b", v, v+99)...); err != nil {
			t.Fatal(err)
		}
		waitPublished(t, broker, "b", v+99)
	}
}

func TestLostCursorTopicIsRefused(t *testing.T) {
	t.Parallel()
	db, broker := open(t, database(t)), embeddedtest.Broker(t)
	end := run(t, must(newNode(db, broker, options{}))(t))
	appendEach(t, db, events("a", 1, 5)...)
	waitPublished(t, broker, "a", 5)
	waitFor(t, "the board to know", func() bool {
		var n int
		return db.Pool().QueryRowContext(t.Context(), `SELECT batches FROM tenon.relay_progress`).Scan(&n) == nil && n > 0
	})
	if err := end(); err != nil {
		t.Fatal(err)
	}
	client := must(kgo.NewClient(kgo.SeedBrokers(broker)))(t)
	defer client.Close()
	if _, err := kadm.NewClient(client).DeleteTopics(t.Context(), "tenon.relay.cursors"); err != nil {
		t.Fatal(err)
	}
	n := must(newNode(db, broker, options{}))(t)
	run(t, n)
	appendEach(t, db, events("a", 6, 7)...)
	waitFor(t, "the loss to show", func() bool { return errors.Is(n.Health(), relaying.ErrProgressLost) })
	if got := published(t, broker, "a"); got != 5 {
		t.Errorf("%d records are out, want the 5 of before", got)
	}
}

func TestLogThatWasSetBackIsRefused(t *testing.T) {
	t.Parallel()
	dsn, broker := database(t), embeddedtest.Broker(t)
	db := must(postgres.Open(t.Context(), postgres.Config{URL: dsn}))(t)
	appendEach(t, db, events("a", 1, 2)...)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	older := copyDatabase(t, dsn)
	db = open(t, dsn)
	end := run(t, must(newNode(db, broker, options{}))(t))
	appendEach(t, db, events("a", 3, 5)...)
	waitPublished(t, broker, "a", 5)
	if err := end(); err != nil {
		t.Fatal(err)
	}
	back := open(t, older)
	n := must(newNode(back, broker, options{}))(t)
	run(t, n)
	appendEach(t, back, events("a", 3, 9)...)
	waitFor(t, "the change to show", func() bool { return errors.Is(n.Health(), relaying.ErrLogChanged) })
	if got := published(t, broker, "a"); got != 5 {
		t.Errorf("%d records are out, want the 5 of before", got)
	}
}

// deaf are members that answer no beat once they are told so.
type deaf struct {
	relaying.Members
	on atomic.Bool
}

// Beat implements relaying.Members.
func (d *deaf) Beat(ctx context.Context, node string, lanes int, lease time.Duration) (relaying.Assignment, error) {
	if d.on.Load() {
		<-ctx.Done()
		return relaying.Assignment{}, eventlog.ErrUnavailable
	}
	return d.Members.Beat(ctx, node, lanes, lease)
}

func TestNothingIsPublishedAfterTheLeaseEnded(t *testing.T) {
	t.Parallel()
	db, broker := open(t, database(t)), embeddedtest.Broker(t)
	members := &deaf{Members: postgres.NewRelayMembers(db)}
	n := must(newNode(db, broker, options{lease: time.Second, change: func(cfg *lanes.Config) { cfg.Members = members }}))(t)
	run(t, n)
	appendEach(t, db, events("a", 1, 1)...)
	waitPublished(t, broker, "a", 1)
	members.on.Store(true)
	waitFor(t, "the lanes to be given up", func() bool { return len(n.Stats().Lanes) == 0 })
	appendEach(t, db, events("a", 2, 2)...)
	if got := published(t, broker, "a"); got != 1 || n.Health() == nil {
		t.Errorf("%d records are out, want 1; health is %v", got, n.Health())
	}
	members.on.Store(false)
	waitPublished(t, broker, "a", 2)
}
