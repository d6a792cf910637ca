package application_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/domain"
)

// house is a mediator over a memory log, with thing and counter event-sourced.
type house struct {
	*application.Mediator

	log *memory.Log
}

func newHouse(t testing.TB, wire func(b *application.Builder)) house {
	t.Helper()
	log := memory.NewLog()
	b := application.NewBuilder(application.Config{Store: log})
	registerThings(b, log)
	if wire != nil {
		wire(b)
	}
	m, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return house{m, log}
}

func registerThings(b *application.Builder, streams eventlog.Streams) {
	things := application.EventSourced[thing](streams, b.Codec(), "thing")
	counters := application.EventSourced[counter](streams, b.Codec(), "counter")
	application.Register[thing](b, "thing", things, nil)
	application.Register[counter](b, "counter", counters, application.TopicPerEvent)
	application.Event[created](b, "thing.created", 1)
	application.Event[renamed](b, "thing.renamed", 1)
	application.Event[counted](b, "counter.counted", 1)
	application.Handle(b, handleCreate)
	application.Handle(b, handleRename)
}

// lines returns the log as "topic key version type payload", in order.
func (h house) lines(t testing.TB) []string {
	t.Helper()
	page, err := h.log.Read(t.Context(), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{}
	for _, r := range page.Records {
		lines = append(lines, fmt.Sprintf("%s %s %d %s %s", r.Topic, r.AggregateID, r.Version, r.Type, r.Payload))
	}
	return lines
}

func (h house) want(t testing.TB, want ...string) {
	t.Helper()
	if want == nil {
		want = []string{}
	}
	if diff := cmp.Diff(want, h.lines(t)); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestACommandsEventsAreInTheLogWhenSendReturns(t *testing.T) {
	h := newHouse(t, nil)
	version, err := application.Send(t.Context(), h.Mediator, create{ID: "a", Name: "one"})
	if err != nil || version != 1 {
		t.Fatalf("Send = %d, %v; want 1, nil", version, err)
	}
	h.want(t, `domain.thing.events a 1 thing.created {"Name":"one"}`)
}

func TestDoingAThingTwiceWritesNothing(t *testing.T) {
	h := newHouse(t, nil)
	mustSend(t, h, create{ID: "a", Name: "one"})
	mustSend(t, h, rename{ID: "a", Name: "one"})
	h.want(t, `domain.thing.events a 1 thing.created {"Name":"one"}`)
}

func TestAHandlersErrorStoresNothing(t *testing.T) {
	h := newHouse(t, func(b *application.Builder) {
		application.Handle(b, func(_ context.Context, u *application.Unit, _ ship) (application.Done, error) {
			application.Add(u, newThing("a", "one"))
			u.Publish(application.Message{Topic: "mail", Key: "k", Type: "mail.wanted", Payload: 1})
			return application.Done{}, errRefused
		})
	})
	if _, err := application.Send(t.Context(), h.Mediator, ship{}); !errors.Is(err, errRefused) {
		t.Fatalf("error %v, want errRefused", err)
	}
	h.want(t)
}

func mustSend[C application.Request[R], R any](t testing.TB, h house, c C) R {
	t.Helper()
	r, err := application.Send(t.Context(), h.Mediator, c)
	if err != nil {
		t.Fatalf("Send(%+v): %v", c, err)
	}
	return r
}

// both is a command over two aggregates.
type both struct {
	application.Returns[bool]
}

func TestAUnitCommitsManyAggregatesTogetherAndGetReturnsTheSamePointer(t *testing.T) {
	h := newHouse(t, func(b *application.Builder) {
		application.Handle(b, func(ctx context.Context, u *application.Unit, _ both) (bool, error) {
			one, err := application.Get[thing](ctx, u, "a")
			if err != nil {
				return false, err
			}
			again, err := application.Get[thing](ctx, u, "a")
			domain.Record(one, renamed{"x"})
			domain.Record(again, renamed{"y"})
			application.Add(u, newThing("b", "two"))
			return one == again, err
		})
	})
	mustSend(t, h, create{ID: "a", Name: "one"})
	if same := mustSend(t, h, both{}); !same {
		t.Error("two Gets returned two pointers")
	}
	h.want(t,
		`domain.thing.events a 1 thing.created {"Name":"one"}`,
		`domain.thing.events a 2 thing.renamed {"Name":"x"}`,
		`domain.thing.events a 3 thing.renamed {"Name":"y"}`,
		`domain.thing.events b 1 thing.created {"Name":"two"}`)
}

func TestGetOfAnUnknownIDIsNotFound(t *testing.T) {
	h := newHouse(t, nil)
	_, err := application.Send(t.Context(), h.Mediator, rename{ID: "nobody", Name: "x"})
	var missing *domain.NotFoundError
	if !errors.As(err, &missing) || missing.Type != "thing" || missing.ID != "nobody" {
		t.Fatalf("error %v, want *NotFoundError of thing nobody", err)
	}
}

func TestMessagesAreCommittedWithTheUnit(t *testing.T) {
	h := newHouse(t, func(b *application.Builder) {
		application.Handle(b, func(_ context.Context, u *application.Unit, _ both) (bool, error) {
			u.Publish(application.Message{Topic: "mail", Key: "k", Type: "mail.wanted", Payload: map[string]int{"n": 1}})
			return true, nil
		})
	})
	mustSend(t, h, both{})
	h.want(t, `mail k 0 mail.wanted {"n":1}`)
}

func TestARawPayloadIsKeptByteForByte(t *testing.T) {
	if got := publish(t, application.Message{Topic: "mail", Key: "k", Type: "mail.wanted", Payload: rawJSON}); got != nil {
		t.Fatal(got)
	}
}

func TestAMessageWithoutTopicKeyOrTypeFailsTheCommit(t *testing.T) {
	for _, m := range []application.Message{
		{Key: "k", Type: "t"},
		{Topic: "t", Type: "t"},
		{Topic: "t", Key: "k"},
		{Topic: "t", Key: "k", Type: "t", Payload: func() {}},
		{Topic: "t", Key: "k", Type: "t", Payload: brokenJSON},
	} {
		if err := publish(t, m); err == nil || !strings.Contains(err.Error(), "publish message 0") {
			t.Errorf("message %+v: error %v, want it named", m, err)
		}
	}
}

func TestAnEventWithoutANameFailsTheCommit(t *testing.T) {
	h := newHouse(t, func(b *application.Builder) {
		application.Handle(b, func(_ context.Context, u *application.Unit, _ both) (bool, error) {
			a := newThing("a", "one")
			domain.Record(a, unnamed{})
			application.Add(u, a)
			return true, nil
		})
	})
	_, err := application.Send(t.Context(), h.Mediator, both{})
	if !errors.Is(err, codec.ErrUnknownType) || !strings.Contains(err.Error(), "application_test.unnamed") {
		t.Fatalf("error %v, want ErrUnknownType naming the event", err)
	}
	h.want(t)
}
