package postgres_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

func boardOf(t testing.TB, db *postgres.DB) *postgres.RelayBoard {
	t.Helper()
	return must(postgres.NewRelayBoard(db, postgres.RelayBoardConfig{}))(t)
}

// progressOf is a lane's progress in epoch 1 or another.
func progressOf(t testing.TB, db *postgres.DB, lane, of int, epoch, batches int64, at eventlog.Cursor) relaying.Progress {
	t.Helper()
	return relaying.Progress{
		Log: must(db.LogIdentity(t.Context()))(t), Timeline: "t", Epoch: epoch, Lane: relaying.Lane{Number: lane, Of: of},
		Cursor: at, Batches: batches, Last: relaying.Mark{Position: 5, Event: uuid.Max},
	}
}

func report(t testing.TB, b *postgres.RelayBoard, reports ...relaying.Report) {
	t.Helper()
	if err := b.Report(t.Context(), reports); err != nil {
		t.Fatal(err)
	}
}

func parkedKey(id string, position int64) relaying.Parked {
	return relaying.Parked{
		Key: relaying.Key{AggregateType: "thing", AggregateID: id}, Position: position, Event: uuid.Max, Topic: "t",
		Reason: "too large", Since: time.Unix(1700000000, 0).UTC(), Attempts: 2,
	}
}

func TestRelayOriginOfANewLogIsItsBeginning(t *testing.T) {
	t.Parallel()
	if got := must(boardOf(t, open(t)).Origin(t.Context(), 0))(t); got != "" {
		t.Errorf("origin %q, want the beginning", got)
	}
}

func TestRelayOriginIsWhereTheWatermillRelayStopped(t *testing.T) {
	t.Parallel()
	db := open(t)
	mustWrite(t, db.Pool(), "a", 1, 6)
	s := relayOf(t, db, postgres.SubscriberConfig{Batch: 2})
	s.ack(4)
	s.end()
	origin := must(boardOf(t, db).Origin(t.Context(), 0))(t)
	page := must(db.Read(t.Context(), origin, 10))(t)
	if len(page.Records) != 2 || page.Records[0].Version != 5 {
		t.Errorf("from the origin come %v, want a/5 and a/6", page.Records)
	}
	exec(t, db, `UPDATE tenon.cursors SET log = gen_random_uuid()`)
	if _, err := boardOf(t, db).Origin(t.Context(), 0); !errors.Is(err, relaying.ErrLogChanged) {
		t.Errorf("error %v where the cursor is of another log, want ErrLogChanged", err)
	}
}

func TestRelayOriginAfterLostProgressIsRefused(t *testing.T) {
	t.Parallel()
	db := open(t)
	b := boardOf(t, db)
	at := now(t, db)
	foreign := progressOf(t, db, 0, 2, 9, 1, "")
	foreign.Log = uuid.New()
	report(t, b, relaying.Report{Progress: foreign}, relaying.Report{Progress: progressOf(t, db, 1, 2, 1, 1, at)})
	if got := must(b.Origin(t.Context(), 0))(t); got != "" {
		t.Errorf("lane 0, known of another log only, begins at %q, want the beginning", got)
	}
	_, err := b.Origin(t.Context(), 1)
	expectError(t, err, "tenon relay rebase")
	report(t, b, relaying.Report{Progress: progressOf(t, db, 1, 2, 2, 1, at)})
	if _, other := b.Origin(t.Context(), 0); !errors.Is(err, relaying.ErrProgressLost) || !errors.Is(other, relaying.ErrProgressLost) {
		t.Errorf("errors %v and %v, want ErrProgressLost", err, other)
	}
}

func TestRelayReportsNeverGoBack(t *testing.T) {
	t.Parallel()
	db := open(t)
	b, store := boardOf(t, db), postgres.NewRelayStore(db)
	newest := progressOf(t, db, 0, 1, 2, 5, now(t, db))
	want := relaying.State{Progress: newest, Parked: []relaying.Parked{parkedKey("a", 1), parkedKey("b", 2)}}
	report(t, b, relaying.Report{Progress: newest, Parked: want.Parked, ParkedChanged: true})
	for _, old := range []relaying.Progress{progressOf(t, db, 0, 1, 2, 4, ""), progressOf(t, db, 0, 1, 1, 900, "")} {
		report(t, b, relaying.Report{Progress: old, ParkedChanged: true})
	}
	report(t, b, relaying.Report{Progress: newest})
	got := must(store.Load(t.Context(), newest.Log, 0))(t)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after older reports (-want +got):\n%s", diff)
	}
	want.Parked = []relaying.Parked{parkedKey("b", 7), parkedKey("c", 8)}
	report(t, b, relaying.Report{Progress: newest, Parked: want.Parked, ParkedChanged: true})
	if diff := cmp.Diff(want, must(store.Load(t.Context(), newest.Log, 0))(t)); diff != "" {
		t.Errorf("keys replaced (-want +got):\n%s", diff)
	}
}

func TestRelayStoreMovesOneBatchAtATime(t *testing.T) {
	t.Parallel()
	db := open(t)
	s := postgres.NewRelayStore(db)
	at := now(t, db)
	save := func(epoch, batches int64, closed bool) error {
		p := progressOf(t, db, 0, 1, epoch, batches, at)
		p.Closed = closed
		return s.Save(t.Context(), relaying.Batch{Progress: p, Park: []relaying.Parked{parkedKey("k", batches)}})
	}
	for _, step := range []struct {
		epoch, batches int64
		closed, fenced bool
	}{
		{1, 2, false, true},
		{1, 1, false, false},
		{1, 1, false, true},
		{1, 3, false, true},
		{1, 2, false, false},
		{2, 1, false, true},
		{1, 3, true, false},
		{1, 4, false, true},
		{2, 1, false, false},
		{2, 1, false, true},
		{1, 4, false, true},
		{2, 2, false, false},
	} {
		if err := save(step.epoch, step.batches, step.closed); errors.Is(err, relaying.ErrFenced) != step.fenced || (err != nil) != step.fenced {
			t.Errorf("epoch %d, batch %d: %v, want fenced: %t", step.epoch, step.batches, err, step.fenced)
		}
	}
	want := relaying.State{Progress: progressOf(t, db, 0, 1, 2, 2, at), Parked: []relaying.Parked{parkedKey("k", 2)}}
	if diff := cmp.Diff(want, must(s.Load(t.Context(), want.Progress.Log, 0))(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	release := relaying.Batch{Progress: progressOf(t, db, 0, 1, 2, 3, at), Release: []relaying.Key{{AggregateType: "thing", AggregateID: "k"}}}
	if err := s.Save(t.Context(), release); err != nil {
		t.Fatal(err)
	}
	if got := must(s.Load(t.Context(), want.Progress.Log, 0))(t); len(got.Parked) != 0 {
		t.Errorf("%v is parked after its release", got.Parked)
	}
}
