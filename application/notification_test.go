package application_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/application"
)

type rang struct{ Bell string }

var errDeaf = errors.New("deaf")

// bells registers three handlers of rang that note their number; the second fails.
func bells(b *application.Builder, heard *[]int, mu *sync.Mutex) {
	for n := range 3 {
		application.On(b, func(context.Context, rang) error {
			mu.Lock()
			defer mu.Unlock()
			*heard = append(*heard, n)
			if n == 1 {
				return errDeaf
			}
			return nil
		})
	}
}

func TestStrategies(t *testing.T) {
	for _, c := range []struct {
		name     string
		strategy application.Strategy
		want     int // handlers that ran
	}{
		{"AllErrors runs every handler", application.AllErrors, 3},
		{"Sequential stops at the first error", application.Sequential, 2},
		{"Parallel runs every handler", application.Parallel, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			var heard []int
			var mu sync.Mutex
			m := build(t, func(b *application.Builder) {
				bells(b, &heard, &mu)
				application.SetStrategy[rang](b, c.strategy)
			})
			if err := application.Publish(t.Context(), m, rang{"door"}); !errors.Is(err, errDeaf) {
				t.Errorf("error %v, want errDeaf", err)
			}
			if len(heard) != c.want {
				t.Errorf("handlers %v ran, want %d", heard, c.want)
			}
		})
	}
}

func TestParallelRunsHandlersAtTheSameTime(t *testing.T) {
	meet := make(chan struct{})
	m := build(t, func(b *application.Builder) {
		application.On(b, func(context.Context, rang) error { meet <- struct{}{}; return nil })
		application.On(b, func(context.Context, rang) error { <-meet; return nil })
		application.SetStrategy[rang](b, application.Parallel)
	})
	if err := application.Publish(t.Context(), m, rang{}); err != nil {
		t.Fatal(err)
	}
}

func TestAPanickingHandlerKeepsNobodyElseFromHearing(t *testing.T) {
	for _, s := range []application.Strategy{application.AllErrors, application.Parallel} {
		heard := false
		m := build(t, func(b *application.Builder) {
			application.On(b, func(context.Context, rang) error { panic("crash") })
			application.On(b, func(context.Context, rang) error { heard = true; return nil })
			application.SetStrategy[rang](b, s)
		})
		err := application.Publish(t.Context(), m, rang{})
		if err == nil || !strings.Contains(err.Error(), "application_test.rang handler 1 panicked: crash") || !heard {
			t.Errorf("strategy %d: error %v, other heard %t; want the panic named and the other told", s, err, heard)
		}
	}
}

func TestBehavioursRunAroundEachNotificationHandler(t *testing.T) {
	var log []string
	m := build(t, func(b *application.Builder) {
		b.Use(tracing("a", &log))
		application.On(b, func(context.Context, rang) error { log = append(log, "one"); return nil })
		application.On(b, func(context.Context, rang) error { log = append(log, "two"); return nil })
	})
	if err := application.Publish(t.Context(), m, rang{}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"a notification application_test.rang handler 1", "one", "a end",
		"a notification application_test.rang handler 2", "two", "a end",
	}
	if diff := cmp.Diff(want, log); diff != "" {
		t.Error(diff)
	}
}

func TestPublishWithoutHandlersDoesNothing(t *testing.T) {
	m := build(t, func(*application.Builder) {})
	if err := application.Publish(t.Context(), m, rang{}); err != nil {
		t.Fatal(err)
	}
}
