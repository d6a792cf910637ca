package postgres_test

import (
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/relaying"
)

// stopped has do's transaction stop for good before its commit leaves, as in a process that gets SIGSTOP, and tells what
// became of it once rival, which waits for its locks, came through. The server has to end the session for that.
func stopped(t *testing.T, p *proxy, do, rival func() error) error {
	t.Helper()
	behind := make(chan struct{})
	p.meantime = func() {
		defer close(behind)
		if err := rival(); err != nil {
			t.Errorf("what waits for a stopped process: %v", err)
		}
	}
	p.next.Store(int32(cutDelay))
	err := do()
	if p.cuts.Load() == 0 {
		t.Fatalf("nothing was on its way to be held up: %v", err)
	}
	<-behind
	return err
}

func TestStoppedRelayHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	p, db, direct := behindProxy(t)
	r := relaying.Report{Progress: progressOf(t, direct, 0, 1, 1, 1, ""), Parked: []relaying.Parked{parkedKey("a", 3)}, ParkedChanged: true}
	report(t, boardOf(t, direct), r)
	r.Progress.Batches++
	err := stopped(t, p, func() error { return boardOf(t, db).Report(t.Context(), []relaying.Report{r}) },
		func() error { return boardOf(t, direct).Report(t.Context(), []relaying.Report{r}) })
	if !errors.Is(err, eventlog.ErrUnavailable) {
		t.Errorf("report of the stopped one: %v, want that it is unavailable", err)
	}
}

func TestStoppedProjectorHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	p, db, direct := behindProxy(t)
	part := projection.Partition{Topic: "t", ID: uuid.New()}
	err := stopped(t, p, func() error {
		tx := beginTx(t, db)
		if err := db.Advance(t.Context(), tx, "list", 1, part, projection.None, 7); err != nil {
			return err
		}
		return tx.Commit(t.Context())
	}, func() error {
		tx := beginTx(t, direct)
		if err := direct.Advance(t.Context(), tx, "list", 1, part, projection.None, 5); err != nil {
			return err
		}
		return tx.Commit(t.Context())
	})
	if err == nil {
		t.Error("the stopped one committed too")
	}
}

func TestIdleTransactionsAreBounded(t *testing.T) {
	t.Parallel()
	if got := queryValue[string](t, open(t), "SHOW idle_in_transaction_session_timeout"); got != "1min" {
		t.Errorf("a transaction may be idle for %s, want 1min", got)
	}
	own := openURL(t, urlWith(t, migratedURL(t), "idle_in_transaction_session_timeout", "7s"))
	if got := queryValue[string](t, own, "SHOW idle_in_transaction_session_timeout"); got != "7s" {
		t.Errorf("a transaction may be idle for %s, want the 7s that the URL asks for", got)
	}
}
