package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// published is what lanes have read, in their order.
type published struct {
	mu  sync.Mutex
	all []eventlog.Record
}

func (p *published) add(records []eventlog.Record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, records...)
}

// relayLane reads the lane in windows until hold is closed, then to the end of its window, and returns where it is.
func relayLane(ctx context.Context, l *postgres.LaneLog, lane relaying.Lane, at eventlog.Cursor, limit int, hold <-chan struct{}, to *published) (eventlog.Cursor, error) {
	for between := true; ; {
		select {
		case <-hold:
			if between {
				return at, nil
			}
		default:
		}
		page, err := l.Read(ctx, relaying.Query{Lane: lane, After: at, Records: limit, Bytes: manyBytes})
		if err != nil {
			return "", err
		}
		to.add(page.Records)
		at, between = page.Next, page.Between
	}
}

// While writers go on, the number of lanes changes again and again: each record is read once, each key in order.
func TestTortureLanesChange(t *testing.T) {
	t.Parallel()
	const writers, streams = 8, 40
	rounds, units := 12, 60
	if torture() {
		rounds, units = 150, 1500
	}
	db := openConfig(t, postgres.Config{URL: migratedURL(t), MaxConns: writers + 16})
	l := postgres.NewLaneLog(db)
	written := ledger{committed: map[string]bool{}}
	var group errgroup.Group
	for i := range writers {
		group.Go(func() error {
			w := writer{db: db, random: rand.New(rand.NewPCG(uint64(i), 11)), streams: streams, ledger: &written}
			return w.run(t.Context(), units)
		})
	}
	random := rand.New(rand.NewPCG(1, 2))
	var out published
	var at eventlog.Cursor
	for range rounds {
		at = layout(t, l, random, at, &out)
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	at = layout(t, l, random, at, &out)
	if rest, _ := drainLane(t, l, relaying.Lane{Of: 1}, at, 100); len(rest) > 0 {
		t.Errorf("%v are left after the last cut", names(rest))
	}
	checkRead(t, written.committed, out.all)
}

// layout relays by some number of lanes from a cut to the next one, which it returns.
func layout(t *testing.T, l *postgres.LaneLog, random *rand.Rand, at eventlog.Cursor, out *published) eventlog.Cursor {
	t.Helper()
	lanes, pages := 1+random.IntN(6), 1+random.IntN(30)
	hold := make([]chan struct{}, lanes)
	held := make([]eventlog.Cursor, lanes)
	var group errgroup.Group
	for i := range lanes {
		hold[i] = make(chan struct{})
		group.Go(func() (err error) {
			held[i], err = relayLane(t.Context(), l, relaying.Lane{Number: i, Of: lanes}, at, pages, hold[i], out)
			return err
		})
	}
	for _, i := range random.Perm(lanes) { // each stops at a window of its own
		must(l.Identify(t.Context()))(t) // some time goes by
		close(hold[i])
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	final := must(l.Freeze(t.Context(), held))(t)
	for i := range lanes {
		out.add(readUntil(t, l, relaying.Lane{Number: i, Of: lanes}, held[i], final, pages))
	}
	return final
}

// A crash hands out again the xids of transactions that left no trace: a cut that counted those as ended would pass by
// the events later written under them. Lanes of the old layout may be elsewhere at the time.
func TestFaultCutSurvivesReusedTransactions(t *testing.T) {
	t.Parallel()
	server, db := ownServer(t, embeddedtest.Parameter("wal_writer_delay", "10s"))
	l := postgres.NewLaneLog(db)
	rounds := 3
	if torture() {
		rounds = 30
	}
	var at eventlog.Cursor
	for round, shown := 0, 0; shown < rounds; round++ {
		if round == 10*rounds {
			t.Fatalf("in %d of %d rounds the server handed an xid out again: the test shows too little", shown, round)
		}
		store(t, db, event(fmt.Sprint("before", round), 1))
		_, held := drainLane(t, l, relaying.Lane{Number: 1, Of: 2}, at, 10)
		for range 20 {
			tx := beginTx(t, db)
			_, err := postgres.SQL(tx).ExecContext(t.Context(), "SELECT pg_current_xact_id()")
			if err := errors.Join(err, tx.Rollback()); err != nil {
				t.Fatal(err)
			}
		}
		untrimmed := queryValue[string](t, db, "SELECT pg_current_snapshot()")
		final := must(l.Freeze(t.Context(), []eventlog.Cursor{at, held}))(t)
		crash(t, server)
		later := event(fmt.Sprint("after", round), 1)
		store(t, db, later)
		const reused = "SELECT pg_visible_in_snapshot(xid, $1::pg_snapshot) FROM tenon.events WHERE event_id = $2"
		if queryValue[bool](t, db, reused, untrimmed, later.ID) { // not if something else was flushed just then
			shown++
		}
		rest, next := drainLane(t, l, relaying.Lane{Of: 1}, final, 10)
		if len(rest) != 1 || rest[0].ID != later.ID {
			t.Errorf("round %d: after the crash %v were read, want %s", round, names(rest), later.AggregateID)
		}
		at = next
	}
}
