package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// answerBook holds what callers were told of their units, to be compared with the log.
type answerBook struct {
	mu      sync.Mutex
	answers []told
}

type told struct {
	ids []uuid.UUID
	err error
}

func (l *answerBook) add(records []eventlog.Record, err error) {
	t := told{err: err}
	for i := range records {
		t.ids = append(t.ids, records[i].ID)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers = append(l.answers, t)
}

// check compares: no error means that all is there, an error that nothing is.
func (l *answerBook) check(t *testing.T, db *postgres.DB) {
	t.Helper()
	all, _ := drain(t, db, "", 5000)
	there := make(map[uuid.UUID]int)
	heads := make(map[string]domain.Version)
	for i := range all {
		r := &all[i]
		there[r.ID]++
		if !r.IsMessage() {
			if r.Version != heads[r.AggregateID]+1 {
				t.Errorf("%s: version %d is read after %d", r.AggregateID, r.Version, heads[r.AggregateID])
			}
			heads[r.AggregateID] = r.Version
		}
	}
	counts := make(map[string]int)
	for _, a := range l.answers {
		want := 0
		if a.err == nil {
			want = 1
		}
		unknown := errors.Is(a.err, eventlog.ErrOutcomeUnknown)
		counts[kindOfAnswer(a.err)]++
		for _, id := range a.ids {
			switch {
			case unknown && there[id] == there[a.ids[0]]:
			case there[id] != want:
				t.Errorf("event %s is there %d times, its caller was told %v", id, there[id], a.err)
			}
		}
	}
	t.Logf("%d events; answers: %v", len(all), counts)
}

func kindOfAnswer(err error) string {
	for _, kind := range []error{eventlog.ErrOutcomeUnknown, domain.ErrConflict, context.Canceled, eventlog.ErrUnavailable, eventlog.ErrTransient} {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	if err == nil {
		return "stored"
	}
	return ""
}

// troubled runs 64 callers on a few aggregates and many of their own, some of which leave before their answer, while
// trouble is made again and again.
func troubled(t *testing.T, db *postgres.DB, rounds int, trouble func(round int)) *answerBook {
	t.Helper()
	var l answerBook
	var answered atomic.Int64
	var group errgroup.Group
	done := make(chan struct{})
	for c := range 64 {
		rng := rand.New(rand.NewPCG(uint64(c), 7))
		group.Go(func() error {
			heads := make([]domain.Version, 4) // what this caller believes of the aggregates that all share
			for n := 0; ; n++ {
				select {
				case <-done:
					return nil
				default:
				}
				ctx, cancel := context.WithCancel(t.Context())
				if rng.IntN(4) == 0 {
					go cancel()
				}
				shared := rng.IntN(len(heads))
				records := []eventlog.Record{event(uuid.NewString(), 1), message("m")}
				if rng.IntN(3) == 0 {
					records = append(records, event(fmt.Sprint("shared", shared), heads[shared]+1))
				}
				err := db.AppendUnit(ctx, records)
				cancel()
				l.add(records, err)
				answered.Add(1)
				conflict, ok := errors.AsType[*domain.ConflictError](err)
				switch {
				case ok && !errors.Is(err, eventlog.ErrOutcomeUnknown):
					heads[shared] = max(heads[shared], conflict.Actual)
				case err == nil && len(records) == 3:
					heads[shared]++
				case kindOfAnswer(err) == "":
					t.Errorf("caller left: %v", err) // or only its silence would show
					return err
				}
			}
		})
	}
	for round := range rounds {
		waitFor(t, "answers", func() bool { return answered.Load() > int64(round+1)*300 })
		trouble(round)
	}
	close(done)
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	return &l
}

func groupRounds() int {
	if torture() {
		return 300
	}
	return 15
}

func TestTortureGroupUnderKillsAndCuts(t *testing.T) {
	t.Parallel()
	p, db, direct := behindProxy(t)
	l := troubled(t, db, groupRounds(), func(round int) {
		switch round % 3 {
		case 0:
			exec(t, direct, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%positions AS MATERIALIZED%'`)
		case 1:
			p.cutAll()
		case 2: // a statement for which nobody waits any more
			exec(t, direct, `SELECT pg_cancel_backend(pid) FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%positions AS MATERIALIZED%'`)
		}
	})
	l.check(t, direct)
	t.Logf("%+v", db.GroupStats())
}

// Open transactions and guards hold groups up, and deadlocks end some of them.
func TestTortureGroupBesideTransactions(t *testing.T) {
	t.Parallel()
	db := quickDeadlocks(t)
	ctx := t.Context()
	l := troubled(t, db, groupRounds(), func(round int) {
		tx := beginTx(t, db)
		id := fmt.Sprint("shared", round%4)
		heads := queryValue[domain.Version](t, db, "SELECT coalesce(max(version), 0) FROM tenon.events WHERE aggregate_id = $1", id)
		var err error
		if round%2 == 0 {
			err = tx.Guard(ctx, []eventlog.Head{{Type: "order", ID: id, Version: heads}})
		} else {
			err = tx.Append(ctx, events(id, heads+1, 1))
		}
		if err == nil {
			err = tx.Commit(ctx)
		}
		// A guard that met a conflict still holds its lock.
		if rollback := tx.Rollback(); rollback != nil {
			t.Error(rollback)
		}
		if err != nil && !errors.Is(err, domain.ErrConflict) && !errors.Is(err, eventlog.ErrTransient) {
			t.Error(err)
		}
	})
	l.check(t, db)
}

// Two processes append to the same aggregates in opposite orders: one of them is late, and neither is given up.
func TestGroupsOfTwoProcessesDoNotDeadlock(t *testing.T) {
	t.Parallel()
	rounds := 40
	if torture() {
		rounds = 1000
	}
	url := urlWith(t, migratedURL(t), "options", "-c deadlock_timeout=20ms")
	first, second := openURL(t, url), openURL(t, url)
	for v := range domain.Version(rounds) {
		var forth, back []eventlog.Record
		for i := range 40 {
			forth, back = append(forth, event(fmt.Sprint("a", i), v+1)), append(back, event(fmt.Sprint("a", i), v+1))
		}
		slices.Reverse(back)
		errs := make([]error, 2)
		var group sync.WaitGroup
		group.Go(func() { errs[0] = first.AppendUnit(t.Context(), forth) })
		group.Go(func() { errs[1] = second.AppendUnit(t.Context(), back) })
		group.Wait()
		if (errs[0] == nil) == (errs[1] == nil) || !errors.Is(errors.Join(errs...), domain.ErrConflict) {
			t.Fatalf("round %d: %v and %v; want one to be stored and the other to conflict", v, errs[0], errs[1])
		}
	}
	for i, db := range []*postgres.DB{first, second} {
		if s := db.GroupStats(); s.Alone > 0 || s.Statements > int64(rounds) {
			t.Errorf("process %d: %+v; want %d statements, none repeated for a deadlock", i+1, s, rounds)
		}
	}
}
