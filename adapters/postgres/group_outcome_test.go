package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// mark is in the unit whose statement the proxy is to look for.
const mark = "marked-for-the-proxy"

// groupBehindProxy is [behindProxy] for units that are marked, with the statement prepared.
func groupBehindProxy(t *testing.T) (*proxy, *postgres.DB, *postgres.DB) {
	t.Helper()
	p, db, direct := behindProxy(t)
	p.victim, p.question = []byte(mark), []byte(mark) // sending it again is the question
	if err := db.AppendUnit(t.Context(), events("warm", 1, 1)); err != nil {
		t.Fatal(err)
	}
	return p, db, direct
}

func marked() eventlog.Record {
	r := event(uuid.NewString(), 1)
	r.Actor = mark
	return r
}

func copies(t *testing.T, db *postgres.DB, r eventlog.Record) int {
	t.Helper()
	return queryValue[int](t, db, "SELECT count(*) FROM tenon.events WHERE event_id = $1", r.ID)
}

func TestAppendUnitTellsTheTruthWhenItsAnswerIsLost(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]cut{"never arrived": cutBefore, "answer lost": cutAfter, "arrives after it was sent again": cutHold} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, db, direct := groupBehindProxy(t)
			for i := range 10 {
				r := marked()
				p.next.Store(int32(how))
				if err := db.AppendUnit(t.Context(), []eventlog.Record{r}); err != nil {
					t.Errorf("unit %d: %v", i, err)
				}
				if n := copies(t, direct, r); n != 1 {
					t.Errorf("unit %d is stored %d times", i, n)
				}
			}
			if p.cuts.Load() != 10 {
				t.Errorf("%d connections cut, want 10", p.cuts.Load())
			}
		})
	}
}

// The statement never arrived, and somebody else took the version meanwhile: that is a conflict, and nothing unknown.
func TestAppendUnitLosesToWhoCameBetween(t *testing.T) {
	t.Parallel()
	p, db, direct := groupBehindProxy(t)
	r := marked()
	p.meantime = func() { store(t, direct, events(r.AggregateID, 1, 3)...) }
	p.next.Store(int32(cutBefore))
	err := db.AppendUnit(t.Context(), []eventlog.Record{r})
	conflict, ok := errors.AsType[*domain.ConflictError](err)
	if want := (domain.ConflictError{Type: "order", ID: r.AggregateID, Expected: 0, Actual: 3}); !ok || *conflict != want || errors.Is(err, eventlog.ErrOutcomeUnknown) {
		t.Errorf("got %v, want %v", err, &want)
	}
	if copies(t, direct, r) != 0 {
		t.Error("stored")
	}
}

func TestAppendUnitThatWasSentOutlivesItsContext(t *testing.T) {
	t.Parallel()
	p, db, direct := groupBehindProxy(t)
	ctx, cancel := context.WithCancel(t.Context())
	r, left := marked(), make(chan struct{})
	p.meantime = func() {
		cancel()
		<-left
	}
	p.next.Store(int32(cutDelay))
	answer := make(chan error, 1)
	go func() { answer <- db.AppendUnit(ctx, []eventlog.Record{r}) }()
	<-ctx.Done()
	select {
	case err := <-answer:
		t.Errorf("answered %v while the statement was on its way", err)
	default:
	}
	close(left)
	if err := <-answer; err != nil || copies(t, direct, r) != 1 {
		t.Errorf("got %v, stored %d times; want the truth, which is once", err, copies(t, direct, r))
	}
}

// outage cuts the connection under a unit and lets nobody connect any more.
func outage(t *testing.T, how cut) (db, direct *postgres.DB, r eventlog.Record, answer <-chan error) {
	t.Helper()
	p, db, direct := groupBehindProxy(t)
	p.listener.Close()
	r = marked()
	p.next.Store(int32(how))
	answered := make(chan error, 1)
	go func() { answered <- db.AppendUnit(t.Context(), []eventlog.Record{r}) }()
	waitFor(t, "the cut", func() bool { return p.cuts.Load() == 1 })
	return db, direct, r, answered
}

func TestAppendUnitSaysWhenNobodyKnows(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]cut{"arrived": cutAfter, "never arrived": cutBefore} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, _, _, answer := outage(t, how)
			if err := <-answer; !errors.Is(err, eventlog.ErrOutcomeUnknown) {
				t.Errorf("got %v, want ErrOutcomeUnknown", err)
			}
			err := db.AppendUnit(t.Context(), events("later", 1, 1))
			if !errors.Is(err, eventlog.ErrUnavailable) || errors.Is(err, eventlog.ErrOutcomeUnknown) {
				t.Errorf("a unit that was never sent: %v, want ErrUnavailable", err)
			}
		})
	}
}

func TestCloseLeavesNobodyWaiting(t *testing.T) {
	t.Parallel()
	db, direct, r, answer := outage(t, cutAfter)
	queued := queue(t.Context(), t, db, events("queued", 1, 1))
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	if err := <-answer; !errors.Is(err, eventlog.ErrOutcomeUnknown) {
		t.Errorf("in flight: %v, want ErrOutcomeUnknown", err)
	}
	if err := <-queued[0]; err == nil || errors.Is(err, eventlog.ErrOutcomeUnknown) {
		t.Errorf("queued: %v, want an error and no doubt", err)
	}
	waitFor(t, "what the server got", func() bool { return copies(t, direct, r) == 1 })
}
