package application_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/tenon-go/tenon/application"
)

type double struct {
	application.Returns[int]
	N int
}

func doubled(_ context.Context, q double) (int, error) { return 2 * q.N, nil }

type unhandled struct{ application.Returns[string] }

// build returns the mediator that wire describes, or fails the test.
func build(t testing.TB, wire func(b *application.Builder)) *application.Mediator {
	t.Helper()
	b := application.NewBuilder(application.Config{})
	wire(b)
	m, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSendInfersTheResultAndRunsTheHandler(t *testing.T) {
	m := build(t, func(b *application.Builder) { application.Answer(b, doubled) })
	got, err := application.Send(t.Context(), m, double{N: 21})
	if err != nil || got != 42 {
		t.Fatalf("Send = %d, %v; want 42, nil", got, err)
	}
}

func TestSendWithoutHandlerNamesTheRequest(t *testing.T) {
	m := build(t, func(*application.Builder) {})
	_, err := application.Send(t.Context(), m, unhandled{})
	if !errors.Is(err, application.ErrNoHandler) || !strings.Contains(err.Error(), "application_test.unhandled") {
		t.Fatalf("error %v: want ErrNoHandler naming the type", err)
	}
}

func TestSendOfAPointerSaysToSendTheValue(t *testing.T) {
	m := build(t, func(b *application.Builder) { application.Answer(b, doubled) })
	_, err := application.Send(t.Context(), m, &double{N: 1})
	if !errors.Is(err, application.ErrNoHandler) || !strings.Contains(err.Error(), "by value, as application_test.double") {
		t.Fatalf("error %v: want ErrNoHandler with the advice to send the value", err)
	}
}

func TestSendReturnsNoResultBesideAnError(t *testing.T) {
	boom := errors.New("boom")
	m := build(t, func(b *application.Builder) {
		b.Use(application.Validation)
		application.Answer(b, func(context.Context, double) (int, error) { return 7, boom })
	})
	got, err := application.Send(t.Context(), m, double{})
	if !errors.Is(err, boom) || got != 0 {
		t.Fatalf("Send = %d, %v; want 0, boom", got, err)
	}
}

func TestBoundFunctionSendsOnceBuilt(t *testing.T) {
	b := application.NewBuilder(application.Config{})
	send := application.Bind[double](b)
	if _, err := send(t.Context(), double{N: 1}); !errors.Is(err, application.ErrNoHandler) {
		t.Fatalf("before Build: error %v, want ErrNoHandler", err)
	}
	application.Answer(b, doubled)
	if _, err := b.Build(); err != nil {
		t.Fatal(err)
	}
	if got, err := send(t.Context(), double{N: 4}); err != nil || got != 8 {
		t.Fatalf("bound = %d, %v; want 8, nil", got, err)
	}
}

type ship struct {
	application.Returns[application.Done]
}

type strange struct{}

func TestBuildNamesEverythingMissingAndDouble(t *testing.T) {
	b := application.NewBuilder(application.Config{})
	application.Answer(b, doubled)
	application.Answer(b, doubled)
	application.AnswerStream(b, count)
	application.AnswerStream(b, count)
	application.Bind[unhandled](b)
	application.Handle(b, func(context.Context, *application.Unit, ship) (application.Done, error) {
		return application.Done{}, nil
	})
	application.Event[created](b, "thing.created", 1)
	application.Event[created](b, "thing.made", 1)
	application.Event[*created](b, "thing.pointer", 1)
	application.Before(b, func(context.Context, *application.Unit, application.Recorded[strange]) error { return nil })
	application.Register[thing](b, "", nil, nil)
	_, err := b.Build()
	if err == nil {
		t.Fatal("Build returned no error")
	}
	for _, want := range []string{
		"application_test.double has two handlers",
		"application_test.numbers has two stream handlers",
		"no handler for application_test.unhandled",
		"[application_test.ship] need a Config.Store",
		`event "thing.made" (application_test.created) is registered twice`,
		`event "thing.pointer": register the struct`,
		"a Before handler for application_test.strange is given an event that nothing registers",
		`aggregate "" (*application_test.thing): want a type name and a repository`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("Build's error doesn't say %q:\n%v", want, err)
		}
	}
}

func pass(ctx context.Context, _ application.Call, next application.Next) error { return next.Run(ctx) }

func TestSendWithThreeBehavioursAllocatesNothing(t *testing.T) {
	m := build(t, func(b *application.Builder) {
		b.Use(pass, pass, application.Validation)
		application.Answer(b, doubled)
	})
	ctx := t.Context()
	allocs := testing.AllocsPerRun(1000, func() {
		if _, err := application.Send(ctx, m, double{N: 1}); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations per Send, want 0", allocs)
	}
}

func BenchmarkSend(b *testing.B) {
	m := build(b, func(bu *application.Builder) {
		bu.Use(pass, pass, pass)
		application.Answer(bu, doubled)
	})
	b.Run("direct", func(b *testing.B) {
		for b.Loop() {
			_, _ = doubled(b.Context(), double{N: 1})
		}
	})
	b.Run("three behaviours", func(b *testing.B) {
		ctx := b.Context()
		b.ReportAllocs()
		for b.Loop() {
			_, _ = application.Send(ctx, m, double{N: 1})
		}
	})
}
