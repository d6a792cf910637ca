package memory_test

import (
	"strings"
	"testing"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application/eventlog"
)

func TestCursorOfAnotherLogIsRefused(t *testing.T) {
	t.Parallel()
	log, other := memory.NewLog(), memory.NewLog()
	commit(t, other, event("a"))
	page, err := other.Read(t.Context(), "", 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Read(t.Context(), page.Next, 1); err == nil || !strings.Contains(err.Error(), "belongs to log") {
		t.Errorf("error is %v, want one that names the other log", err)
	}
}

func TestCursorAheadOfTheLogIsRefused(t *testing.T) {
	t.Parallel()
	log := memory.NewLog()
	page, err := log.Read(t.Context(), "", 1)
	if err != nil {
		t.Fatal(err)
	}
	ahead := page.Next[:len(page.Next)-1] + "5"
	if _, err := log.Read(t.Context(), ahead, 1); err == nil || !strings.Contains(err.Error(), "ahead of the log") {
		t.Errorf("error is %v, want one that says so", err)
	}
}

func TestLimitBelowOneIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := memory.NewLog().Read(t.Context(), "", 0); err == nil || !strings.Contains(err.Error(), "limit 0") {
		t.Errorf("error is %v, want one that names the limit", err)
	}
}

// TestPositionsDisagreeWithCommits holds the log to being as hard on its readers as PostgreSQL.
func TestPositionsDisagreeWithCommits(t *testing.T) {
	t.Parallel()
	log := memory.NewLog()
	early := begin(t, log)
	if err := early.Append(t.Context(), []eventlog.Record{event("a")}); err != nil {
		t.Fatal(err)
	}
	commit(t, log, event("b"))
	if err := early.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	page, err := log.Read(t.Context(), "", 2)
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Records) != 2 || page.Records[0].Position < page.Records[1].Position {
		t.Errorf("records are %+v, want the higher position first", page.Records)
	}
}

func TestCommitRaisesTheSignal(t *testing.T) {
	t.Parallel()
	log := memory.NewLog()
	raised := log.Signal().Wait()
	commit(t, log, event("a"))
	select {
	case <-raised:
	default:
		t.Error("signal was not raised")
	}
}

func TestCommitOfNothingLeavesTheSignal(t *testing.T) {
	t.Parallel()
	log := memory.NewLog()
	raised := log.Signal().Wait()
	commit(t, log)
	select {
	case <-raised:
		t.Error("signal was raised")
	default:
	}
}
