package application_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/domain"
)

// tracing returns a behaviour that notes its name before and after, and what it runs around.
func tracing(name string, log *[]string) application.Behaviour {
	return func(ctx context.Context, call application.Call, next application.Next) error {
		*log = append(*log, name+" "+call.Kind().String()+" "+call.Name())
		err := next.Run(ctx)
		*log = append(*log, name+" end")
		return err
	}
}

func TestBehavioursRunOutermostFirstAroundQueries(t *testing.T) {
	var log []string
	m := build(t, func(b *application.Builder) {
		application.Answer(b, doubled)
		b.Use(tracing("a", &log), tracing("b", &log)) // after the handler: they hold for it all the same
	})
	if _, err := application.Send(t.Context(), m, double{N: 1}); err != nil {
		t.Fatal(err)
	}
	want := []string{"a query application_test.double", "b query application_test.double", "b end", "a end"}
	if diff := cmp.Diff(want, log); diff != "" {
		t.Error(diff)
	}
}

func TestBehaviourMayAnswerInPlaceOfTheHandler(t *testing.T) {
	m := build(t, func(b *application.Builder) {
		b.Use(func(_ context.Context, call application.Call, _ application.Next) error {
			*call.Result().(*int) = 99
			return nil
		})
		application.Answer(b, doubled)
	})
	if got, err := application.Send(t.Context(), m, double{N: 1}); err != nil || got != 99 {
		t.Fatalf("Send = %d, %v; want the behaviour's 99", got, err)
	}
}

func TestBehaviourMayChangeTheRequestAndSeeTheResult(t *testing.T) {
	var seen int
	m := build(t, func(b *application.Builder) {
		b.Use(func(ctx context.Context, call application.Call, next application.Next) error {
			call.Request().(*double).N = 5
			err := next.Run(ctx)
			seen = *call.Result().(*int)
			return err
		})
		application.Answer(b, doubled)
	})
	if got, err := application.Send(t.Context(), m, double{N: 1}); err != nil || got != 10 || seen != 10 {
		t.Fatalf("Send = %d, %v, behaviour saw %d; want 10, nil, 10", got, err, seen)
	}
}

func TestFramesAreNotSharedBetweenConcurrentSends(t *testing.T) {
	m := build(t, func(b *application.Builder) {
		b.Use(pass)
		application.Answer(b, doubled)
	})
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				if got, err := application.Send(t.Context(), m, double{N: n*10000 + i}); err != nil || got != 2*(n*10000+i) {
					t.Errorf("Send(%d) = %d, %v", n*10000+i, got, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestAPanicPassesThroughTheBehaviours(t *testing.T) {
	m := build(t, func(b *application.Builder) {
		b.Use(pass)
		application.Answer(b, func(_ context.Context, q double) (int, error) {
			if q.N < 0 {
				panic("negative")
			}
			return q.N, nil
		})
	})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_, _ = application.Send(t.Context(), m, double{N: -1})
	}()
	if got, err := application.Send(t.Context(), m, double{N: 3}); err != nil || got != 3 {
		t.Fatalf("after a panic Send = %d, %v; want 3, nil", got, err)
	}
}

type checked struct {
	application.Returns[application.Done]
	Name string
}

func (c checked) Validate() error {
	if c.Name == "" {
		return &domain.InvalidError{Field: "name", Reason: "is empty"}
	}
	return nil
}

func TestValidationRefusesBeforeTheHandler(t *testing.T) {
	ran := false
	m := build(t, func(b *application.Builder) {
		b.Use(application.Validation)
		application.Answer(b, func(context.Context, checked) (application.Done, error) {
			ran = true
			return application.Done{}, nil
		})
	})
	if _, err := application.Send(t.Context(), m, checked{}); !errors.Is(err, domain.ErrInvalid) || ran {
		t.Fatalf("error %v, handler ran %t; want ErrInvalid and not run", err, ran)
	}
	if _, err := application.Send(t.Context(), m, checked{Name: "x"}); err != nil || !ran {
		t.Fatalf("error %v, handler ran %t; want nil and run", err, ran)
	}
}

type numbers struct {
	application.Returns[int]
	Below  int
	FailAt int
}

var errAt = errors.New("stop here")

func count(_ context.Context, q numbers) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range q.Below {
			if q.FailAt > 0 && i == q.FailAt {
				yield(0, errAt)
				return
			}
			if !yield(i, nil) {
				return
			}
		}
	}
}

func TestStreamYieldsWithinTheBehaviours(t *testing.T) {
	var log []string
	m := build(t, func(b *application.Builder) {
		b.Use(tracing("a", &log))
		application.AnswerStream(b, count)
	})
	for v, err := range application.Stream(t.Context(), m, numbers{Below: 3, FailAt: 2}) {
		if err != nil {
			log = append(log, err.Error())
			continue
		}
		log = append(log, string(rune('0'+v)))
	}
	want := []string{"a stream application_test.numbers", "0", "1", "a end", "stop here"}
	if diff := cmp.Diff(want, log); diff != "" {
		t.Error(diff)
	}
}

func TestBreakingOffAStreamEndsTheHandler(t *testing.T) {
	var log []string
	m := build(t, func(b *application.Builder) {
		b.Use(tracing("a", &log))
		application.AnswerStream(b, count)
	})
	for v := range application.Stream(t.Context(), m, numbers{Below: 1000}) {
		if v == 1 {
			break
		}
	}
	if !slices.Contains(log, "a end") {
		t.Errorf("behaviour didn't end: %v", log)
	}
}

func TestStreamWithoutHandlerYieldsTheError(t *testing.T) {
	m := build(t, func(*application.Builder) {})
	for _, err := range application.Stream(t.Context(), m, numbers{}) {
		if !errors.Is(err, application.ErrNoHandler) {
			t.Fatalf("error %v, want ErrNoHandler", err)
		}
		return
	}
	t.Fatal("nothing was yielded")
}

func TestAReusedFrameCarriesNothingOver(t *testing.T) {
	skip := false
	m := build(t, func(b *application.Builder) {
		b.Use(func(ctx context.Context, _ application.Call, next application.Next) error {
			if skip {
				return nil
			}
			return next.Run(ctx)
		})
		application.Answer(b, doubled)
	})
	if _, err := application.Send(t.Context(), m, double{N: 21}); err != nil {
		t.Fatal(err)
	}
	skip = true
	if got, err := application.Send(t.Context(), m, double{N: 1}); err != nil || got != 0 {
		t.Fatalf("Send = %d, %v without a handler; want 0, not an earlier result", got, err)
	}
}
