package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/adapters/relay/relaytest"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/projection"
)

const poisoned = `{"poison":"no such thing"}`

// stream is what is on the topic: per aggregate how many events there are, and which is the first that is poisoned.
type stream struct {
	records []*kgo.Record
	heads   map[string]int
	first   map[string]int // 0: none
	bad     int            // records at and behind a poisoned one
}

// poisonedStream has so many events of so many aggregates, in turn, one in a thousand of them poisoned, at least two.
func poisonedStream(aggregates, versions int) stream {
	s := stream{heads: make(map[string]int), first: make(map[string]int)}
	bad := make(map[int]bool)
	for len(bad) < max(aggregates*versions/1000, 2) {
		bad[rand.N(aggregates*versions)] = true //nolint:gosec // no secret
	}
	n := 0
	for v := 1; v <= versions; v++ {
		for a := range aggregates {
			id, payload := fmt.Sprintf("thing-%d", a), "{}"
			if bad[n] {
				payload = poisoned
				if s.first[id] == 0 {
					s.first[id] = v
				}
			}
			if s.first[id] != 0 {
				s.bad++
			}
			s.records = append(s.records, record(id, v, "thing.happened", payload))
			s.heads[id] = v
			n++
		}
	}
	return s
}

func upTo(last int) []int64 {
	var all []int64
	for v := 1; v <= last; v++ {
		all = append(all, int64(v))
	}
	return all
}

// settles waits until every event of the stream is applied or parked.
func (r *rig) settles(s stream) {
	r.Helper()
	relaytest.Until(r, "every event applied or parked", func() (int, bool) {
		n := r.parkedCount()
		for _, versions := range r.applied() {
			n += len(versions)
		}
		return n, n >= len(s.records)
	})
}

func (r *rig) parkedCount() int {
	r.Helper()
	n := 0
	counts, err := postgres.NewDeadLetters(r.db).Counts(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	for _, c := range counts {
		n += c.Events
	}
	return n
}

// exactlyThoseParked compares rows and parked events with the stream, and that each parked event was copied once.
func (r *rig) exactlyThoseParked(s stream) {
	r.Helper()
	want := make(map[string][]int64)
	for id, head := range s.heads {
		if s.first[id] > 0 {
			head = s.first[id] - 1
		}
		if head > 0 {
			want[id] = upTo(head)
		}
	}
	if diff := cmp.Diff(want, r.applied()); diff != "" {
		r.Errorf("rows (-want +got):\n%s", diff)
	}
	parked := make(map[string]int)
	events, err := postgres.NewDeadLetters(r.db).Events(r.Context(), deadletter.Filter{}, 0, 1<<20)
	if err != nil {
		r.Fatal(err)
	}
	ids := make(map[string]int)
	for i := range events {
		parked[events[i].Key.AggregateID]++
		ids[events[i].EventID.String()]++
	}
	for id, first := range s.first {
		if want := s.heads[id] - first + 1; parked[id] != want {
			r.Errorf("%s: %d events parked, want %d", id, parked[id], want)
		}
	}
	letters := r.letters()
	for _, l := range letters {
		ids[wireHeader(l, "event-id")]--
	}
	for id, n := range ids {
		if n != 0 {
			r.Errorf("event %s: %d more parked than copied", id, n)
		}
	}
	if len(letters) != s.bad || len(events) != s.bad {
		r.Errorf("%d events parked and %d copied, want %d", len(events), len(letters), s.bad)
	}
}

// mend corrects what is poisoned and replays all, while runners run.
func (r *rig) mend(p projection.Projection) {
	r.Helper()
	letters := postgres.NewDeadLetters(r.db)
	anna := deadletter.Decision{By: "anna", Why: "mended"}
	events, err := letters.Events(r.Context(), deadletter.Filter{}, 0, 1<<20)
	if err != nil {
		r.Fatal(err)
	}
	for i := range events {
		if string(events[i].Payload) == poisoned && events[i].Edited == nil {
			if err := letters.Edit(r.Context(), events[i].ID, []byte("{}"), anna); err != nil && !errors.Is(err, deadletter.ErrNotParked) {
				r.Fatal(err)
			}
		}
	}
	types := new(codec.Types)
	codec.Register[happened](types, "thing.happened", 1)
	replayer, err := projection.NewReplayer(projection.ReplayerConfig{Projection: p, Store: r.db, Checkpoints: r.db, Parked: letters, Codec: codec.JSON{Types: types}})
	if err != nil {
		r.Fatal(err)
	}
	keys, err := letters.Keys(r.Context(), deadletter.Filter{})
	if err != nil {
		r.Fatal(err)
	}
	for _, k := range keys {
		if _, err := replayer.Replay(r.Context(), k, anna); err != nil && !errors.Is(err, deadletter.ErrNotParked) {
			r.Fatal(err)
		}
	}
}

// allApplied mends until nothing is parked and each aggregate's rows are its events.
func (r *rig) allApplied(s stream) {
	r.Helper()
	want := make(map[string][]int64)
	for id, head := range s.heads {
		want[id] = upTo(head)
	}
	applicationtest.Eventually(r, func() error {
		r.mend(r.projection(group))
		if n := r.parkedCount(); n > 0 {
			return fmt.Errorf("%d events are parked", n)
		}
		if diff := cmp.Diff(want, r.applied()); diff != "" {
			return fmt.Errorf("rows (-want +got):\n%s", diff)
		}
		return nil
	})
}

func TestParkedOneInAThousandOverManyAggregates(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := poisonedStream(200, 20)
	r.produce(s.records...)
	r.start(r.source(nil), r.runner(nil))
	r.settles(s)
	r.exactlyThoseParked(s)
	r.allApplied(s)
}

// New events of all aggregates arrive while what is parked is mended and replayed.
func TestParkedIsReplayedWhileNewEventsArrive(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := poisonedStream(20, 100)
	half := len(s.records) / 2
	r.produce(s.records[:half]...)
	r.start(r.source(func(c *kafka.SourceConfig) { c.MaxBatch = 20 }), r.runner(nil))
	applicationtest.Eventually(t, func() error {
		if len(r.applied()) == 0 {
			return errors.New("nothing is applied yet")
		}
		return nil
	})
	arrived := make(chan error, 1)
	go func() {
		var err error
		for part := range slices.Chunk(s.records[half:], 50) {
			err = errors.Join(err, r.cl.ProduceSync(t.Context(), part...).FirstErr())
		}
		arrived <- err
	}()
	for ended := false; !ended; {
		r.mend(r.projection(group))
		select {
		case err := <-arrived:
			if ended = true; err != nil {
				t.Fatal(err)
			}
		default:
		}
	}
	r.settles(s)
	r.allApplied(s)
}

// Members come and go, server sessions are ended and calls are cut off while events are parked and replayed.
func TestFaultRebalancesWhileParking(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := poisonedStream(50, 60)
	r.produce(s.records...)
	rounds := 4
	if os.Getenv("TENON_TORTURE") != "" {
		rounds = 30
	}
	for round := range rounds {
		stop := r.start(r.source(func(c *kafka.SourceConfig) { c.MaxBatch, c.Grace = 7, time.Millisecond }), r.runner(nil))
		other := r.start(r.source(func(c *kafka.SourceConfig) { c.MaxBatch, c.Grace = 11, time.Millisecond }), r.runner(nil))
		before := r.handledCount()
		applicationtest.Eventually(t, func() error {
			if now := r.handledCount(); now < min(before+50, len(s.records)) {
				return fmt.Errorf("%d events handled, want progress from %d", now, before)
			}
			return nil
		})
		if round%2 == 1 {
			r.endSessions()
		}
		if err := errors.Join(stop(), other()); err != nil {
			t.Fatal(err)
		}
	}
	r.start(r.source(nil), r.runner(nil))
	r.settles(s)
	r.exactlyThoseParked(s)
	r.allApplied(s)
}

// handledCount is how many events are applied or parked; 0 while the database can't be asked.
func (r *rig) handledCount() (n int) {
	r.Helper()
	_ = r.db.Pool().QueryRowContext(r.Context(), `SELECT (SELECT count(*) FROM effects) + (SELECT count(*) FROM tenon.parked_events)`).Scan(&n)
	return n
}

func (r *rig) endSessions() {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	_, err := r.db.Pool().ExecContext(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	if err != nil {
		r.Fatal(err)
	}
}
