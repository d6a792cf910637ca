package application_test

import (
	"context"
	"errors"
	"testing"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// TestJoined: what a unit inside somebody else's transaction writes is stored when that one commits, and only then.
func TestJoined(t *testing.T) {
	log := memory.NewLog()
	b := application.NewBuilder(application.Config{Store: log})
	application.Register[thing](b, "thing", application.EventSourced[thing](log, b.Codec(), "thing"), nil)
	application.Event[created](b, "thing.created", 1)
	application.Event[renamed](b, "thing.renamed", 1)
	within := application.Joined(b)
	if _, err := b.Build(); err != nil {
		t.Fatal(err)
	}
	work := func(_ context.Context, u *application.Unit) error {
		application.Add(u, newThing("a", "first"))
		u.Publish(application.Message{Topic: "things.noticed", Key: "a", Type: "thing.noticed", Payload: 1})
		return nil
	}
	for _, commit := range []bool{false, true} {
		tx, err := log.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx := application.WithMetadata(t.Context(), application.Metadata{CausationID: "cause"})
		if err := within(ctx, tx, work); err != nil {
			t.Fatal(err)
		}
		if records := logged(t, log); len(records) != 0 {
			t.Fatalf("%d records before the commit", len(records))
		}
		if err := end(t, tx, commit); err != nil {
			t.Fatal(err)
		}
	}
	records := logged(t, log)
	if len(records) != 2 || records[0].Type != "thing.created" || records[1].Topic != "things.noticed" || records[1].CausationID != "cause" {
		t.Fatalf("records %+v, want the event and the message with their cause", records)
	}
	tx, err := log.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if err := within(t.Context(), tx, work); !errors.Is(err, domain.ErrConflict) {
		t.Errorf("the same thing again gave %v, want a conflict", err)
	}
}

func end(t *testing.T, tx eventlog.Tx, commit bool) error {
	t.Helper()
	if commit {
		return tx.Commit(t.Context())
	}
	return tx.Rollback()
}

func logged(t *testing.T, log *memory.Log) []eventlog.Record {
	t.Helper()
	page, err := log.Read(t.Context(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	return page.Records
}
