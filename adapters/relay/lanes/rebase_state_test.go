package lanes_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/embedded/embeddedtest"
	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay/lanes"
	"github.com/tenon-go/tenon/adapters/relay/relaytest"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// A relay that runs is fenced, takes the lane again and goes on where it was put.
func TestRebaseUnderARelayThatRuns(t *testing.T) {
	t.Parallel()
	db, broker := open(t, database(t)), embeddedtest.Broker(t)
	n := must(newNode(db, broker, options{lanes: 2}))(t)
	run(t, n)
	appendEach(t, db, manyKeys(1, 2)...)
	relaytest.CheckOnce(t, db, broker)
	move(t, db, broker, lanes.ToCopy) // each lane is where it should be
	move(t, db, broker, lanes.ToNow)
	appendEach(t, db, manyKeys(3, 3)...)
	relaytest.CheckOnce(t, db, broker)
	move(t, db, broker, lanes.ToStart)
	appendEach(t, db, manyKeys(4, 4)...) // a relay at rest notices by these
	want := append(upTo(3), upTo(4)...)
	waitFor(t, "the whole log again", func() bool { return cmp.Equal(want, versions(t, broker, "k0")) })
}

// stage is a log with a layout and a broker that no relay uses.
type stage struct {
	testing.TB
	db     *postgres.DB
	broker string
	id     relaying.Identity
}

func newStage(t testing.TB, lanes int) *stage {
	t.Helper()
	s := &stage{TB: t, db: open(t, database(t)), broker: embeddedtest.Broker(t)}
	if _, err := postgres.NewRelayMembers(s.db).Beat(t.Context(), "gone", lanes, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	appendEach(t, s.db, manyKeys(1, 2)...)
	s.id = must(postgres.NewLaneLog(s.db).Identify(t.Context()))(t)
	return s
}

// progress is that of a lane that has passed the log.
func (s *stage) progress(epoch int64, lane relaying.Lane) relaying.Progress {
	s.Helper()
	log := postgres.NewLaneLog(s.db)
	end := must(log.Freeze(s.Context(), nil))(s)
	return relaying.Progress{
		Log: s.id.Log, Timeline: s.id.Timeline, Epoch: epoch, Lane: lane, Cursor: end, Batches: 7, Last: must(log.Newest(s.Context(), end))(s),
	}
}

func (s *stage) take(target relaying.Target, lane int) (relaying.Session, relaying.State) {
	s.Helper()
	session, state, err := target.Take(s.Context(), s.id.Log, lane)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(session.Close)
	return session, state
}

func (s *stage) commit(target relaying.Target, b relaying.Batch) {
	s.Helper()
	session, _ := s.take(target, b.Progress.Lane.Number)
	if err := session.Commit(s.Context(), b); err != nil {
		s.Fatal(err)
	}
}

func parkedAt(key, reason string) relaying.Parked {
	return relaying.Parked{
		Key: relaying.Key{AggregateType: "thing", AggregateID: key}, Position: 1, Event: uuid.NewSHA1(uuid.Nil, []byte(key)), Topic: relaytest.Topic,
		Reason: reason, Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Attempts: 2,
	}
}

func TestRebaseKeepsParkedKeysOfTheCopyAlone(t *testing.T) {
	t.Parallel()
	for to, want := range map[lanes.Destination][]relaying.Parked{
		lanes.ToCopy: {parkedAt("k1", "of the copy")}, lanes.ToNow: nil, lanes.ToStart: nil,
	} {
		t.Run(string(to), func(t *testing.T) {
			t.Parallel()
			s := newStage(t, 1)
			r, target := newRebase(t, s.db, s.broker)
			copied := s.progress(1, relaying.Lane{Of: 1})
			report := relaying.Report{Progress: copied, ParkedChanged: true, Parked: []relaying.Parked{parkedAt("k1", "of the copy")}}
			if err := must(postgres.NewRelayBoard(s.db, postgres.RelayBoardConfig{}))(t).Report(t.Context(), []relaying.Report{report}); err != nil {
				t.Fatal(err)
			}
			wrong := copied
			wrong.Last.Event, wrong.Batches = uuid.New(), 9
			s.commit(target, relaying.Batch{Progress: wrong, Park: []relaying.Parked{parkedAt("k1", "of before"), parkedAt("k2", "of before")}})
			moved := must(r.Move(t.Context(), to))(t)
			_, state := s.take(target, 0)
			if diff := cmp.Diff(relaying.State{Progress: moved[0], Parked: want}, state); diff != "" {
				t.Errorf("target (-moved +known):\n%s", diff)
			}
			shown := must(postgres.NewRelayStore(s.db).Load(t.Context(), s.id.Log, 0))(t)
			if moved[0].Batches != 10 || shown.Progress.Batches != 10 || len(shown.Parked) != len(want) {
				t.Errorf("moved to %+v, shown %+v; want batch 10 and %d keys", moved[0], shown, len(want))
			}
		})
	}
}

// A log that was set back to before a change of the lanes: what the target knows of the later layout must not count when the
// lanes are changed again.
func TestRebaseForgetsALaterLayout(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1)
	r, target := newRebase(t, s.db, s.broker)
	for n := range 3 {
		s.commit(target, relaying.Batch{Progress: s.progress(2, relaying.Lane{Number: n, Of: 3})})
	}
	move(t, s.db, s.broker, lanes.ToNow)
	if _, err := r.Move(t.Context(), lanes.ToCopy); err != nil { // nothing is wrong any more
		t.Fatal(err)
	}
	for n := range 3 {
		if _, state := s.take(target, n); state.Progress.Epoch != 1 || state.Progress.Closed != (n > 0) || state.Progress.Batches != 8 {
			t.Errorf("lane %d: %+v, want it in layout 1 at batch 8, closed but for lane 0", n, state.Progress)
		}
	}
	node := must(newNode(s.db, s.broker, options{}))(t)
	run(t, node)
	waitFor(t, "good health", func() bool { return node.Health() == nil && node.Stats().Lanes != nil })
	if err := postgres.NewRelayMembers(s.db).Change(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	appendEach(t, s.db, manyKeys(3, 4)...)
	waitFor(t, "the new events", func() bool {
		for key := range 12 {
			if !cmp.Equal([]string{"3", "4"}, versions(t, s.broker, fmt.Sprint("k", key))) {
				return false
			}
		}
		return true
	})
}

func TestFaultRebaseWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	s := newStage(t, 1)
	target := must(kafka.NewLanes(kafka.Config{Brokers: []string{s.broker}}, kafka.LanesConfig{}))(t)
	t.Cleanup(target.Close)
	log, lost := postgres.NewLaneLog(s.db), false
	forgetful := func(_ int, _ relaying.Batch, commit func() error) error {
		err := commit()
		if err != nil || lost {
			return err
		}
		lost = true
		if err := relaytest.Append(t.Context(), s.db, relaytest.Event("late", 1)); err != nil { // before the caller can ask again
			return err
		}
		return fmt.Errorf("lost: %w", eventlog.ErrUnavailable)
	}
	r := must(lanes.NewRebase(lanes.RebaseConfig{
		Log: log, Boundary: log, Survey: log, Target: tapped{target, forgetful}, View: target, Copies: postgres.NewRelayStore(s.db), Node: "anna",
		Board: must(postgres.NewRelayBoard(s.db, postgres.RelayBoardConfig{}))(t), Layout: relaying.Layout{Epoch: 1, Lanes: 1},
	}))(t)
	moved := must(r.Move(t.Context(), lanes.ToNow))(t)
	if left := must(log.Left(t.Context(), moved[0].Lane, moved[0].Cursor, 9))(t); left.Events != 1 {
		t.Errorf("%d events are left to send, want the one recorded after now", left.Events)
	}
}
