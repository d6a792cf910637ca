package application

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tenon-go/tenon/application/reading"
)

// Wait is what queries sent under a context must see. Safe for concurrent use once it is in a context.
type Wait struct {
	Token reading.Token // what was written
	For   time.Duration // how long a query waits for each read model that it reads; none: it looks once

	mu     sync.Mutex
	parked []string
}

// Parked returns the read models in which some of what was written is parked, by name: it isn't there, and comes only when somebody
// has replayed it.
func (w *Wait) Parked() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.parked)
}

func (w *Wait) note(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.parked, name) {
		w.parked = append(w.parked, name)
	}
}

type waitKey struct{}

// WithWait returns a context under which queries wait until the read models that they read from, as [Answer] was told, have what
// w names. They return a *reading.BehindError when that takes too long.
func WithWait(ctx context.Context, w *Wait) context.Context {
	return context.WithValue(ctx, waitKey{}, w)
}

// awaited returns a query's handler behind the wait for what it reads from.
func awaited[Q, R any](b *Builder, from []string, h func(context.Context, Q) (R, error)) func(context.Context, Q) (R, error) {
	k := b.kernel
	return func(ctx context.Context, q Q) (R, error) {
		if w, ok := ctx.Value(waitKey{}).(*Wait); ok {
			if err := k.await(ctx, w, from); err != nil {
				var none R
				return none, err
			}
		}
		return h(ctx, q)
	}
}

func (k *kernel) await(ctx context.Context, w *Wait, from []string) error {
	for _, name := range from {
		if k.isInline(name) {
			continue // committed with what was written
		}
		if k.models == nil {
			return fmt.Errorf("wait for read model %s: the mediator has no Config.Models", name)
		}
		parked, err := k.models.Await(ctx, name, w.Token, w.For)
		if err != nil {
			return err
		}
		if parked {
			w.note(name)
		}
	}
	return nil
}

func (k *kernel) isInline(name string) bool {
	return slices.ContainsFunc(k.inline, func(in inline) bool { return in.Name == name })
}

// checkReads reports read models that queries read from and can't wait for.
func (b *Builder) checkReads() error {
	var errs []error
	for _, q := range b.reads {
		for _, name := range q.from {
			if b.kernel.models == nil || b.kernel.isInline(name) {
				continue
			}
			if err := b.kernel.models.Check(name); err != nil {
				errs = append(errs, fmt.Errorf("%s reads from it: %w", q.query, err))
			}
		}
	}
	return errors.Join(errs...)
}

// reads is a query and the read models that it reads from.
type reads struct {
	query string
	from  []string
}
