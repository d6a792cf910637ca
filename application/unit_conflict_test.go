package application_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/domain"
)

// handleThing registers a handler of both that loads the thing "a" and lets do work with it.
func handleThing(b *application.Builder, do func(*application.Unit, *thing)) {
	application.Handle(b, func(ctx context.Context, u *application.Unit, _ both) (bool, error) {
		a, err := application.Get[thing](ctx, u, "a")
		if err == nil {
			do(u, a)
		}
		return true, err
	})
}

func TestAConflictRunsTheHandlerAgainWithAFreshUnit(t *testing.T) {
	var h house
	runs := 0
	h = newHouse(t, func(b *application.Builder) {
		handleThing(b, func(_ *application.Unit, a *thing) {
			runs++
			if runs == 1 { // somebody else comes in between
				mustSend(t, h, rename{ID: "a", Name: "theirs"})
			}
			domain.Record(a, renamed{a.name + " and mine"})
		})
	})
	mustSend(t, h, create{ID: "a", Name: "one"})
	mustSend(t, h, both{})
	if runs != 2 {
		t.Errorf("handler ran %d times, want 2", runs)
	}
	h.want(t,
		`domain.thing.events a 1 thing.created {"Name":"one"}`,
		`domain.thing.events a 2 thing.renamed {"Name":"theirs"}`,
		`domain.thing.events a 3 thing.renamed {"Name":"theirs and mine"}`)
}

func TestRetriesEndWithTheConflict(t *testing.T) {
	var h house
	runs := 0
	h = newHouse(t, func(b *application.Builder) {
		handleThing(b, func(_ *application.Unit, a *thing) {
			runs++
			mustSend(t, h, rename{ID: "a", Name: fmt.Sprint("theirs ", runs)})
			domain.Record(a, renamed{"mine"})
		})
	})
	mustSend(t, h, create{ID: "a", Name: "one"})
	_, err := application.Send(t.Context(), h.Mediator, both{})
	var conflict *domain.ConflictError
	if !errors.As(err, &conflict) || conflict.Expected != 4 || conflict.Actual != 5 || runs != 4 {
		t.Errorf("error %v after %d runs; want *ConflictError 4, 5 after 4", err, runs)
	}
}

func TestConcurrentCommandsAllTakeEffectOnce(t *testing.T) {
	h := newHouse(t, func(b *application.Builder) {
		application.Handle(b, func(ctx context.Context, u *application.Unit, _ both) (bool, error) {
			c, err := application.Get[counter](ctx, u, "c")
			if errors.Is(err, domain.ErrNotFound) {
				c = new(counter)
				domain.Begin(c, "c")
				application.Add(u, c)
			} else if err != nil {
				return false, err
			}
			domain.Record(c, counted{c.n + 1})
			return true, nil
		})
	})
	var wg sync.WaitGroup
	var mu sync.Mutex
	done := 0
	for range 8 {
		wg.Go(func() {
			for range 10 {
				_, err := application.Send(context.Background(), h.Mediator, both{})
				if err != nil && !errors.Is(err, domain.ErrConflict) {
					t.Errorf("Send: %v", err)
				}
				if err == nil {
					mu.Lock()
					done++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	lines := h.lines(t)
	if want := fmt.Sprintf(`counter.counted c %d counter.counted {"N":%d}`, done, done); len(lines) != done || lines[done-1] != want {
		t.Errorf("%d commands succeeded, %d events, the last %q", done, len(lines), lines[len(lines)-1])
	}
}

func TestADemandedVersionThatIsStaleFailsWithoutRetry(t *testing.T) {
	h := newHouse(t, nil)
	mustSend(t, h, create{ID: "a", Name: "one"})
	mustSend(t, h, rename{ID: "a", Name: "two", Expect: application.At(1)})
	_, err := application.Send(t.Context(), h.Mediator, rename{ID: "a", Name: "three", Expect: application.At(1)})
	var stale *application.PreconditionError
	if !errors.As(err, &stale) || stale.Expected != 1 || stale.Actual != 2 || !errors.Is(err, application.ErrPrecondition) {
		t.Fatalf("error %v, want *PreconditionError 1, 2", err)
	}
}

func TestAConflictUnderADemandedVersionIsTheDemandsFailure(t *testing.T) {
	var h house
	runs := 0
	h = newHouse(t, func(b *application.Builder) {
		application.Handle(b, func(ctx context.Context, u *application.Unit, _ both) (bool, error) {
			runs++ // also when the load fails: a second run is what must not be
			a, err := application.Get[thing](ctx, u, "a", application.At(1))
			if err != nil {
				return false, err
			}
			mustSend(t, h, rename{ID: "a", Name: "theirs"})
			domain.Record(a, renamed{"mine"})
			return true, nil
		})
	})
	mustSend(t, h, create{ID: "a", Name: "one"})
	_, err := application.Send(t.Context(), h.Mediator, both{})
	if !errors.Is(err, application.ErrPrecondition) || errors.Is(err, domain.ErrConflict) || runs != 1 {
		t.Errorf("error %v after %d runs; want ErrPrecondition after 1", err, runs)
	}
}

func TestCheckMakesTheCommitDependOnWhatWasRead(t *testing.T) {
	var h house
	runs := 0
	h = newHouse(t, func(b *application.Builder) {
		handleThing(b, func(u *application.Unit, a *thing) {
			runs++
			u.Check(a)
			if runs == 1 {
				mustSend(t, h, rename{ID: "a", Name: "theirs"})
			}
			application.Add(u, newThing("b", "saw "+a.name))
		})
	})
	mustSend(t, h, create{ID: "a", Name: "one"})
	mustSend(t, h, both{})
	h.want(t,
		`domain.thing.events a 1 thing.created {"Name":"one"}`,
		`domain.thing.events a 2 thing.renamed {"Name":"theirs"}`,
		`domain.thing.events b 1 thing.created {"Name":"saw theirs"}`)
}
