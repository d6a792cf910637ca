package application_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

var (
	rawJSON    = json.RawMessage(`{ "b": 1.50, "a":  "\u00e9" }`)
	brokenJSON = json.RawMessage(`{`)
)

// publish sends m in a unit of its own; for a raw payload it also compares what is in the log.
func publish(t testing.TB, m application.Message) error {
	t.Helper()
	h := newHouse(t, func(b *application.Builder) {
		application.Handle(b, func(_ context.Context, u *application.Unit, _ both) (bool, error) {
			u.Publish(m)
			return true, nil
		})
	})
	if _, err := application.Send(t.Context(), h.Mediator, both{}); err != nil {
		h.want(t)
		return err
	}
	if raw, ok := m.Payload.(json.RawMessage); ok {
		h.want(t, "mail k 0 mail.wanted "+string(raw))
	}
	return nil
}

// countThings registers a Before handler that counts created things in a second aggregate.
func countThings(b *application.Builder) {
	application.Before(b, func(ctx context.Context, u *application.Unit, e application.Recorded[created]) error {
		if u.Tx() == nil {
			return errors.New("no transaction in a Before handler")
		}
		c, err := application.Get[counter](ctx, u, "things")
		if errors.Is(err, domain.ErrNotFound) {
			c = new(counter)
			domain.Begin(c, "things")
			application.Add(u, c)
		} else if err != nil {
			return err
		}
		if e.Event.Name == "forbidden" {
			return errRefused
		}
		domain.Record(c, counted{c.n + 1})
		return nil
	})
}

func TestBeforeHandlersChangeMoreAggregatesInTheSameTransaction(t *testing.T) {
	h := newHouse(t, countThings)
	mustSend(t, h, create{ID: "a", Name: "one"})
	mustSend(t, h, create{ID: "b", Name: "two"})
	h.want(t,
		`domain.thing.events a 1 thing.created {"Name":"one"}`,
		`counter.counted things 1 counter.counted {"N":1}`,
		`domain.thing.events b 1 thing.created {"Name":"two"}`,
		`counter.counted things 2 counter.counted {"N":2}`)
}

func TestABeforeHandlersErrorRollsBackTheUnit(t *testing.T) {
	h := newHouse(t, countThings)
	if _, err := application.Send(t.Context(), h.Mediator, create{ID: "a", Name: "forbidden"}); !errors.Is(err, errRefused) {
		t.Fatalf("error %v, want errRefused", err)
	}
	h.want(t)
}

func TestEventsOfBeforeHandlersGetTheirBeforeHandlersToo(t *testing.T) {
	var seen []string
	h := newHouse(t, func(b *application.Builder) {
		countThings(b)
		application.Before(b, func(_ context.Context, u *application.Unit, e application.Recorded[counted]) error {
			seen = append(seen, e.AggregateID+" "+e.Version.String())
			if e.Event.N < 3 {
				c, err := application.Get[counter](context.Background(), u, e.AggregateID)
				if err != nil {
					return err
				}
				domain.Record(c, counted{c.n + 1})
			}
			return nil
		})
	})
	mustSend(t, h, create{ID: "a", Name: "one"})
	if diff := cmp.Diff([]string{"things 1", "things 2", "things 3"}, seen); diff != "" {
		t.Error(diff)
	}
}

func TestEndlessBeforeHandlersAreAnError(t *testing.T) {
	h := newHouse(t, func(b *application.Builder) {
		application.Before(b, func(ctx context.Context, u *application.Unit, e application.Recorded[created]) error {
			a, err := application.Get[thing](ctx, u, e.AggregateID)
			if err != nil {
				return err
			}
			domain.Record(a, created{"again"})
			return nil
		})
	})
	_, err := application.Send(t.Context(), h.Mediator, create{ID: "a", Name: "one"})
	if !errors.Is(err, application.ErrEndless) || !strings.Contains(err.Error(), "thing.created") {
		t.Fatalf("error %v, want ErrEndless naming the event", err)
	}
	h.want(t)
}

func TestAfterHandlersAreToldOfCommittedEventsWithTheirMetadata(t *testing.T) {
	id := uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057")
	at := time.Date(2026, 5, 4, 3, 2, 1, 7000, time.UTC)
	log := memory.NewLog()
	b := application.NewBuilder(application.Config{
		Store: log, NewID: func() uuid.UUID { return id }, Now: func() time.Time { return at.Add(999 * time.Nanosecond) },
	})
	registerThings(b, log)
	var got application.Recorded[created]
	var inner application.Metadata
	application.On(b, func(ctx context.Context, e application.Recorded[created]) error {
		got, inner = e, application.MetadataFrom(ctx)
		if page, err := log.Read(ctx, "", 10); err != nil || len(page.Records) != 1 {
			t.Errorf("told before the commit: %d records, %v", len(page.Records), err)
		}
		return nil
	})
	m, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	ctx := application.WithMetadata(t.Context(), application.Metadata{CorrelationID: "flow", CausationID: "cause", Actor: "me"})
	if _, err := application.Send(ctx, m, create{ID: "a", Name: "one"}); err != nil {
		t.Fatal(err)
	}
	want := application.Recorded[created]{
		Event: created{"one"}, ID: id, AggregateType: "thing", AggregateID: "a", Version: 1,
		CorrelationID: "flow", CausationID: "cause", RecordedAt: at,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(application.Metadata{CorrelationID: "flow", CausationID: id.String(), Actor: "me"}, inner); diff != "" {
		t.Errorf("the handler's own context (-want +got):\n%s", diff)
	}
}

func TestAfterHandlersFailWithoutFailingTheCommand(t *testing.T) {
	var logged bytes.Buffer
	log := memory.NewLog()
	b := application.NewBuilder(application.Config{Store: log, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	registerThings(b, log)
	heard := 0
	application.On(b, func(context.Context, application.Recorded[created]) error { heard++; return errRefused })
	application.On(b, func(context.Context, application.Recorded[created]) error { panic("crash") })
	application.On(b, func(context.Context, application.Recorded[created]) error { heard++; return nil })
	m, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := application.Send(t.Context(), m, create{ID: "a", Name: "one"}); err != nil {
		t.Fatalf("Send: %v", err)
	}
	if text := logged.String(); heard != 2 || !strings.Contains(text, "refused") || !strings.Contains(text, "panicked: crash") {
		t.Errorf("%d handlers heard, log %q; want 2 and both failures logged", heard, text)
	}
}

func TestAfterHandlersRunAlthoughTheCallerWentAway(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	heard := make(chan error, 1)
	h := newHouse(t, func(b *application.Builder) {
		application.On(b, func(ctx context.Context, _ application.Recorded[created]) error {
			cancel()
			heard <- ctx.Err()
			return nil
		})
	})
	if _, err := application.Send(ctx, h.Mediator, create{ID: "a", Name: "one"}); err != nil {
		t.Fatal(err)
	}
	if err := <-heard; err != nil {
		t.Errorf("the handler's context ended with the caller's: %v", err)
	}
}

func TestAfterHandlersHearNothingOfARolledBackUnit(t *testing.T) {
	heard := false
	h := newHouse(t, func(b *application.Builder) {
		countThings(b)
		application.On(b, func(context.Context, application.Recorded[created]) error { heard = true; return nil })
	})
	_, _ = application.Send(t.Context(), h.Mediator, create{ID: "a", Name: "forbidden"})
	if heard {
		t.Error("told of an event that was rolled back")
	}
}

func TestAUnitWithoutCorrelationGetsOneForAllItsRecords(t *testing.T) {
	h := newHouse(t, countThings)
	mustSend(t, h, create{ID: "a", Name: "one"})
	page, err := h.log.Read(t.Context(), "", 10)
	if err != nil || len(page.Records) != 2 {
		t.Fatal(page, err)
	}
	first, second := page.Records[0].CorrelationID, page.Records[1].CorrelationID
	if _, err := uuid.Parse(first); err != nil || first != second {
		t.Errorf("correlation ids %q and %q: want one uuid", first, second)
	}
}

func TestAnUnreachableStoreIsReportedAndNotRetried(t *testing.T) {
	h := newHouse(t, nil)
	mend := h.log.Break()
	defer mend()
	if _, err := application.Send(t.Context(), h.Mediator, create{ID: "a", Name: "one"}); !errors.Is(err, eventlog.ErrUnavailable) {
		t.Fatalf("error %v, want ErrUnavailable", err)
	}
}
