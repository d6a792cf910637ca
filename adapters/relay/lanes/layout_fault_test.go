package lanes_test

import (
	"context"
	"math/rand/v2"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay/lanes"
	"github.com/tenon-go/tenon/adapters/relay/relaytest"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// change asks for another number of lanes.
func change(t testing.TB, db *postgres.DB, lanes int) {
	t.Helper()
	if err := postgres.NewRelayMembers(db).Change(t.Context(), lanes); err != nil {
		t.Fatal(err)
	}
}

func changed(t testing.TB, db *postgres.DB, lanes int) bool {
	var now, next int
	err := db.Pool().QueryRowContext(t.Context(), `SELECT lanes, next FROM tenon.relay_layout`).Scan(&now, &next)
	return err == nil && now == lanes && next == 0
}

func waitChanged(t testing.TB, db *postgres.DB, lanes int) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Log(stuckAt(t, db))
			t.Log(atWork())
		}
	}()
	relaytest.Until(t, strconv.Itoa(lanes)+" lanes", func() (int, bool) { return moved(t, db), changed(t, db, lanes) })
}

// moved returns a number that is another one as soon as a lane or the change has got further.
func moved(t testing.TB, db *postgres.DB) (n int) {
	t.Helper()
	_ = db.Pool().QueryRowContext(t.Context(), `SELECT hashtext(jsonb_build_array((SELECT updated_at FROM tenon.relay_layout),
		(SELECT jsonb_agg(jsonb_build_array(epoch, lane, held, closed) ORDER BY epoch, lane) FROM tenon.relay_lanes),
		(SELECT sum(batches) FROM tenon.relay_progress))::text)`).Scan(&n)
	return n // the database may be busy: then nothing has moved
}

// stuckAt says how far a change of layout is: what each lane still owes.
func stuckAt(t testing.TB, db *postgres.DB) (state string) {
	t.Helper()
	err := db.Pool().QueryRowContext(context.WithoutCancel(t.Context()), `SELECT jsonb_pretty(jsonb_build_object('now', clock_timestamp(),
		'layout', (SELECT to_jsonb(y) FROM tenon.relay_layout y),
		'nodes', (SELECT jsonb_agg(n) FROM tenon.relay_nodes n),
		'lanes', (SELECT jsonb_agg(l ORDER BY l.epoch, l.lane) FROM tenon.relay_lanes l)))`).Scan(&state)
	if err != nil {
		return err.Error()
	}
	return state
}

// atWork says what the relays' goroutines are waiting for.
func atWork() string {
	stacks := make([]byte, 4<<20)
	var all []string
	for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if strings.Contains(stack, "/relay/lanes.") {
			all = append(all, stack)
		}
	}
	return strings.Join(all, "\n\n")
}

func TestFaultLayoutChangesUnderLoad(t *testing.T) {
	t.Parallel()
	dsn, broker := database(t), embeddedtest.Broker(t)
	db := open(t, dsn)
	limitTopic(t, broker, "10000")
	nodes := []*node{must(newNode(db, broker, options{}))(t), must(newNode(db, broker, options{}))(t), must(newNode(open(t, dsn), broker, options{}))(t)}
	for _, n := range nodes {
		run(t, n)
	}
	refused := []eventlog.Record{large("p1", 1), large("p2", 1), large("p3", 1)}
	underLoad(t, db, broker, func(l *relaytest.Load) {
		defer func() {
			for i, n := range nodes {
				t.Log("health of node", i, n.Health())
			}
		}()
		l.Passes(t, 20)
		appendEach(t, db, refused...)
		for i, lanes := range slices.Repeat([]int{3, 2, 8, 1}, rounds(1, 5)) {
			l.Passes(t, 30)
			change(t, db, lanes)
			for _, r := range refused {
				appendEach(t, db, relaytest.Event(r.AggregateID, i+2))
			}
			waitChanged(t, db, lanes)
		}
		for _, r := range refused {
			waitParked(t, db, r.AggregateID, parkedKey{r.ID, 1})
		}
		limitTopic(t, broker, "100000")
		for _, r := range refused {
			if outcome := answer(t, db, ask(t, db, relaying.RequestRetry, r)); outcome != "" {
				t.Errorf("outcome of a retry is %q", outcome)
			}
		}
	})
	for i, n := range nodes {
		waitFor(t, "good health", func() bool { return n.Health() == nil })
		t.Log("node", i, n.Stats())
	}
}

func TestFaultNodesKilledWhileTheLayoutChanges(t *testing.T) {
	t.Parallel()
	dsn, broker := database(t), embeddedtest.Broker(t)
	db := open(t, dsn)
	children := []*exec.Cmd{startChild(t, dsn, broker), startChild(t, dsn, broker), startChild(t, dsn, broker)}
	underLoad(t, db, broker, func(l *relaytest.Load) {
		for _, lanes := range slices.Repeat([]int{3, 2, 8, 1}, rounds(1, 5)) {
			l.Passes(t, 20)
			change(t, db, lanes)
			for range 2 {
				l.Passes(t, rand.Int64N(20))       //nolint:gosec // a moment of the change
				victim := rand.IntN(len(children)) //nolint:gosec // any
				kill(t, children[victim])
				children[victim] = startChild(t, dsn, broker)
			}
			waitChanged(t, db, lanes)
		}
	})
	for _, c := range children {
		kill(t, c)
	}
}

// A node that slept through a change wakes with the old layout in mind.
func TestFaultNodeSleepsThroughAChangeOfLayout(t *testing.T) {
	t.Parallel()
	dsn, broker := database(t), embeddedtest.Broker(t)
	db := open(t, dsn)
	children := map[string]*exec.Cmd{}
	for range 2 {
		c := startChild(t, dsn, broker)
		children[strconv.Itoa(c.Process.Pid)] = c
	}
	underLoad(t, db, broker, func(l *relaytest.Load) {
		for _, lanes := range slices.Repeat([]int{3, 1}, rounds(1, 5)) {
			l.Passes(t, 30)
			sleeper := children[owner(t, db)]
			embeddedtest.Pause(t, sleeper)
			change(t, db, lanes)
			waitChanged(t, db, lanes)
			l.Passes(t, 30)
			embeddedtest.Resume(t, sleeper)
			l.Passes(t, 30)
		}
	})
	for _, c := range children {
		kill(t, c)
	}
}

// fillingBoundary has something to read in the last window.
type fillingBoundary struct {
	relaying.Boundary
	fill func()
	once sync.Once
}

// Freeze implements relaying.Boundary.
func (b *fillingBoundary) Freeze(ctx context.Context, held []eventlog.Cursor) (eventlog.Cursor, error) {
	b.once.Do(b.fill)
	return b.Boundary.Freeze(ctx, held)
}

// Wherever a lane is when it is taken again, in a window before the end of the layout or in the last one, it gets there.
func TestLaneTakenAgainWhileTheLayoutChanges(t *testing.T) {
	t.Parallel()
	db, broker := open(t, database(t)), embeddedtest.Broker(t)
	fill := func() { appendEach(t, db, append(events("a", 8, 14), events("b", 8, 14)...)...) }
	o := options{change: func(cfg *lanes.Config) {
		cfg.BatchRecords, cfg.RetryMax = 2, 10*time.Millisecond
		cfg.Boundary = &fillingBoundary{Boundary: cfg.Boundary, fill: fill}
	}}
	o.tap = func(nth int, _ relaying.Batch, commit func() error) error { // so that the lane is taken again after every batch
		if nth > 1 {
			return eventlog.ErrUnavailable
		}
		return commit()
	}
	n := must(newNode(db, broker, o))(t)
	run(t, n)
	waitFor(t, "a lane", func() bool { return len(n.Stats().Lanes) == 1 })
	appendEach(t, db, append(events("a", 1, 7), events("b", 1, 7)...)...)
	change(t, db, 2)
	waitChanged(t, db, 2)
	relaytest.CheckOnce(t, db, broker)
}

func TestLanesSpreadAndAreHandedOver(t *testing.T) {
	t.Parallel()
	db, broker := open(t, database(t)), embeddedtest.Broker(t)
	first, second := must(newNode(db, broker, options{lanes: 4}))(t), must(newNode(db, broker, options{}))(t)
	end := run(t, first)
	waitFor(t, "the first node to have all lanes", func() bool { return len(first.Stats().Lanes) == 4 })
	run(t, second)
	waitFor(t, "both to have two lanes", func() bool { return len(first.Stats().Lanes) == 2 && len(second.Stats().Lanes) == 2 })
	underLoad(t, db, broker, func(l *relaytest.Load) {
		l.Passes(t, 30)
		if err := end(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the second to have all lanes", func() bool { return len(second.Stats().Lanes) == 4 })
		l.Passes(t, 30)
	})
}
