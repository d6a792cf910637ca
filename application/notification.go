package application

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
)

// Strategy says how the handlers of one notification run.
type Strategy int

// The strategies. Every handler runs within the behaviours, and its panic counts as an error.
const (
	AllErrors  Strategy = iota // one after the other in the order registered, all of them; errors are joined
	Sequential                 // one after the other; the first error stops
	Parallel                   // all at once, waiting for all; errors are joined
)

// Publish tells n to every handler registered with [On] for its type, by the strategy of that type. No handlers: no
// effect. In-process only; for other processes record events or use [Unit.Publish].
func Publish[N any](ctx context.Context, m *Mediator, n N) error {
	l, ok := m.notifications[keyOf[N]()].(*listeners[N])
	if !ok {
		return nil
	}
	return l.publish(ctx, n)
}

// listeners are the handlers of one notification type.
type listeners[N any] struct {
	strategy Strategy
	routes   []*route[N, Done]
}

func (l *listeners[N]) publish(ctx context.Context, n N) error {
	if l.strategy == Parallel {
		return l.parallel(ctx, n)
	}
	var errs []error
	for _, r := range l.routes {
		if err := tell(ctx, r, n); err != nil {
			if l.strategy == Sequential {
				return err
			}
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (l *listeners[N]) parallel(ctx context.Context, n N) error {
	errs := make([]error, len(l.routes))
	var wg sync.WaitGroup
	for i, r := range l.routes {
		wg.Go(func() { errs[i] = tell(ctx, r, n) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// tell runs one handler. Its panic becomes an error: one listener must not keep the others from hearing, nor end the
// process from a goroutine that the publisher can't guard.
func tell[N any](ctx context.Context, r *route[N, Done], n N) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s panicked: %v\n%s", r.name, p, debug.Stack())
		}
	}()
	_, err = r.send(ctx, n)
	return err
}
