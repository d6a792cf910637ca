package lanes_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay/lanes"
	"github.com/tenon-go/tenon/adapters/relay/relaytest"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// newRebase returns a rebase of the layout in force, and its target.
func newRebase(t testing.TB, db *postgres.DB, broker string) (*lanes.Rebase, *kafka.Lanes) {
	t.Helper()
	target := must(kafka.NewLanes(kafka.Config{Brokers: []string{broker}}, kafka.LanesConfig{}))(t)
	t.Cleanup(target.Close)
	log := postgres.NewLaneLog(db)
	layout := must(postgres.NewRelayDesk(db).Status(t.Context()))(t).Layout
	return must(lanes.NewRebase(lanes.RebaseConfig{
		Log: log, Boundary: log, Survey: log, Target: target, View: target, Board: must(postgres.NewRelayBoard(db, postgres.RelayBoardConfig{}))(t),
		Copies: postgres.NewRelayStore(db), Layout: layout, Node: "anna",
	}))(t), target
}

// move moves the lanes and checks that the place stored can be told from another.
func move(t testing.TB, db *postgres.DB, broker string, to lanes.Destination) []relaying.Progress {
	t.Helper()
	r, _ := newRebase(t, db, broker)
	moved := must(r.Move(t.Context(), to))(t)
	for _, p := range moved {
		if err := postgres.NewLaneLog(db).Verify(t.Context(), p); err != nil {
			t.Errorf("lane %d: %v", p.Lane.Number, err)
		}
	}
	return moved
}

// loseCursors deletes the topic of the progress.
func loseCursors(t testing.TB, broker string) {
	t.Helper()
	cl := must(kgo.NewClient(kgo.SeedBrokers(broker)))(t)
	defer cl.Close()
	if _, err := kadm.NewClient(cl).DeleteTopic(t.Context(), "tenon.relay.cursors"); err != nil {
		t.Fatal(err)
	}
}

func refuses(t testing.TB, n *node, want error) {
	t.Helper()
	waitFor(t, "the relay to refuse", func() bool { return errors.Is(n.Health(), want) })
}

// versions returns what is published of a key, by version, in order.
func versions(t testing.TB, broker, key string) []string {
	t.Helper()
	var all []string
	for _, r := range must(relaytest.Published(t.Context(), broker, relaytest.Topic))(t) {
		if string(r.Key) == key {
			all = append(all, relaytest.Header(r, relaying.HeaderVersion))
		}
	}
	return all
}

func upTo(last int) []string {
	var all []string
	for v := range last {
		all = append(all, strconv.Itoa(v+1))
	}
	return all
}

func manyKeys(first, last int) []eventlog.Record {
	var all []eventlog.Record
	for key := range 12 {
		all = append(all, events("k"+strconv.Itoa(key), first, last)...)
	}
	return all
}

// lostCursors is a log of some lanes of which the first events are out, with a relay that refuses to send the others since
// the progress was lost.
func lostCursors(t testing.TB) (*postgres.DB, string, *node) {
	t.Helper()
	db, broker := open(t, database(t)), embeddedtest.Broker(t)
	end := run(t, must(newNode(db, broker, options{lanes: 3}))(t))
	appendEach(t, db, manyKeys(1, 3)...)
	relaytest.CheckOnce(t, db, broker)
	if err := end(); err != nil {
		t.Fatal(err)
	}
	loseCursors(t, broker)
	appendEach(t, db, manyKeys(4, 5)...)
	n := must(newNode(db, broker, options{lanes: 3}))(t)
	run(t, n)
	refuses(t, n, relaying.ErrProgressLost)
	return db, broker, n
}

func TestRebaseToTheCopy(t *testing.T) {
	t.Parallel()
	db, broker, n := lostCursors(t)
	log := must(db.LogIdentity(t.Context()))(t)
	var copied [3]relaying.State
	for i := range copied {
		copied[i] = must(postgres.NewRelayStore(db).Load(t.Context(), log, i))(t)
	}
	for i, p := range move(t, db, broker, lanes.ToCopy) {
		if was := copied[i].Progress; p.Cursor != was.Cursor || p.Batches != was.Batches+1 || p.Last.IsZero() {
			t.Errorf("lane %d moved to %+v, its copy was %+v", i, p, was)
		}
	}
	relaytest.CheckOnce(t, db, broker)
	waitFor(t, "good health", func() bool { return n.Health() == nil })
	appendEach(t, db, manyKeys(6, 6)...)
	relaytest.CheckOnce(t, db, broker)
}

func TestRebaseToTheStart(t *testing.T) {
	t.Parallel()
	db, broker, _ := lostCursors(t)
	move(t, db, broker, lanes.ToStart)
	want := append(upTo(3), upTo(5)...)
	waitFor(t, "the whole log again", func() bool {
		return cmp.Equal(want, versions(t, broker, "k0")) && cmp.Equal(want, versions(t, broker, "k7"))
	})
}

func TestRebaseLookMovesNothing(t *testing.T) {
	t.Parallel()
	db, broker, n := lostCursors(t)
	r, target := newRebase(t, db, broker)
	all, since := 0, 0
	for i, f := range must(r.Look(t.Context()))(t) {
		if f.Lane != i || !errors.Is(f.Problem, relaying.ErrProgressLost) || f.NoCopy != nil {
			t.Errorf("lane %d: problem %v, copy %v; want lost progress and a copy", f.Lane, f.Problem, f.NoCopy)
		}
		all, since = all+f.All.Events, since+f.Since.Events
		s, state, err := target.Take(t.Context(), must(db.LogIdentity(t.Context()))(t), i)
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		if !state.IsNew() {
			t.Errorf("lane %d has progress %v", i, state.Progress)
		}
	}
	if all != 60 || since != 24 {
		t.Errorf("%d events in all and %d since the copies, want 60 and 24", all, since)
	}
	refuses(t, n, relaying.ErrProgressLost)
	if got := versions(t, broker, "k0"); !cmp.Equal(upTo(3), got) {
		t.Errorf("published %v", got)
	}
}

// setBack is a log that was set back to before events 3 to 5 of key a, which are out, and has other ones in their place.
func setBack(t testing.TB) (*postgres.DB, string, *node) {
	t.Helper()
	dsn, broker := database(t), embeddedtest.Broker(t)
	db := must(postgres.Open(t.Context(), postgres.Config{URL: dsn}))(t)
	end := run(t, must(newNode(db, broker, options{}))(t))
	appendEach(t, db, events("a", 1, 2)...)
	waitPublished(t, broker, "a", 2)
	if err := errors.Join(end(), db.Close()); err != nil {
		t.Fatal(err)
	}
	older := copyDatabase(t, dsn)
	db = open(t, dsn)
	end = run(t, must(newNode(db, broker, options{}))(t))
	appendEach(t, db, events("a", 3, 5)...)
	waitPublished(t, broker, "a", 5)
	if err := end(); err != nil {
		t.Fatal(err)
	}
	back := open(t, older)
	n := must(newNode(back, broker, options{}))(t)
	run(t, n)
	appendEach(t, back, events("b", 1, 4)...)
	refuses(t, n, relaying.ErrLogChanged)
	return back, broker, n
}

func TestRebaseToNow(t *testing.T) {
	t.Parallel()
	db, broker, n := setBack(t)
	moved := move(t, db, broker, lanes.ToNow)
	if len(moved) != 1 || moved[0].Last.IsZero() || moved[0].Batches < 2 {
		t.Errorf("moved to %+v, want a last record and more batches", moved)
	}
	appendEach(t, db, events("b", 5, 6)...)
	waitPublished(t, broker, "b", 2)
	waitFor(t, "good health", func() bool { return n.Health() == nil })
	if got := versions(t, broker, "b"); !cmp.Equal([]string{"5", "6"}, got) {
		t.Errorf("of b versions %v are out, want 5 and 6", got)
	}
	if got := versions(t, broker, "a"); !cmp.Equal(upTo(5), got) {
		t.Errorf("of a versions %v are out, want 1 to 5 once", got)
	}
}

func TestRebaseRefusesWhatItCantDo(t *testing.T) {
	t.Parallel()
	db, broker, _ := lostCursors(t)
	r, target := newRebase(t, db, broker)
	if _, err := r.Move(t.Context(), "there"); err == nil || !strings.Contains(err.Error(), "want copy, now or start") {
		t.Errorf("another destination: %v", err)
	}
	if _, err := db.Pool().ExecContext(t.Context(), `UPDATE tenon.relay_progress SET last_event = gen_random_uuid() WHERE lane = 2`); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Move(t.Context(), lanes.ToCopy); !errors.Is(err, relaying.ErrLogChanged) || !strings.Contains(err.Error(), "lane 2") {
		t.Errorf("a copy of another log: %v, want ErrLogChanged of lane 2", err)
	}
	s, state, err := target.Take(t.Context(), must(db.LogIdentity(t.Context()))(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if !state.IsNew() {
		t.Errorf("lane 0 was moved to %+v although lane 2 couldn't be", state.Progress)
	}
	for want, l := range map[string]relaying.Layout{
		"every field": {Epoch: 1, Lanes: 1}, "no relay of lanes has run": {}, "under way": {Epoch: 1, Lanes: 1, Next: 2},
	} {
		cfg := lanes.RebaseConfig{Layout: l}
		if want != "every field" {
			log := postgres.NewLaneLog(db)
			cfg = lanes.RebaseConfig{
				Log: log, Boundary: log, Survey: log, Target: new(kafka.Lanes), View: new(kafka.Lanes), Board: new(postgres.RelayBoard), Copies: postgres.NewRelayStore(db),
				Node: "anna", Layout: l,
			}
		}
		if _, err := lanes.NewRebase(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
		}
	}
}

// A dry run ends nothing that a relay has in hand.
func TestRebaseLookDisturbsNoRelay(t *testing.T) {
	t.Parallel()
	db, broker := open(t, database(t)), embeddedtest.Broker(t)
	end := run(t, must(newNode(db, broker, options{}))(t))
	appendEach(t, db, events("a", 1, 2)...)
	waitPublished(t, broker, "a", 2)
	if err := end(); err != nil {
		t.Fatal(err)
	}
	r, target := newRebase(t, db, broker)
	session, state, err := target.Take(t.Context(), must(db.LogIdentity(t.Context()))(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	found := must(r.Look(t.Context()))(t)
	if len(found) != 1 || found[0].Problem != nil || found[0].Progress != state.Progress {
		t.Errorf("found %+v, want nothing wrong and the lane's progress %+v", found, state.Progress)
	}
	next := state.Progress
	next.Batches++
	if err := session.Commit(t.Context(), relaying.Batch{Progress: next}); err != nil {
		t.Errorf("commit of a relay after somebody looked: %v", err)
	}
}
