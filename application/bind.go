package application

import (
	"context"
	"fmt"
	"reflect"
)

// Bind returns a function that sends C once the mediator is built: a port says with it what it sends, and
// [Builder.Build] reports a C that nothing handles. Before Build the function returns [ErrNoHandler].
func Bind[C Request[R], R any](b *Builder) func(context.Context, C) (R, error) {
	var bound *route[C, R]
	b.bindings = append(b.bindings, func(m *Mediator) error {
		r, ok := m.routes[keyOf[C]()].(*route[C, R])
		if !ok {
			return fmt.Errorf("a port sends it: %w", noHandler(reflect.TypeFor[C]()))
		}
		bound = r
		return nil
	})
	return func(ctx context.Context, c C) (R, error) {
		if bound == nil {
			var none R
			return none, fmt.Errorf("%w: the mediator isn't built", noHandler(reflect.TypeFor[C]()))
		}
		return bound.send(ctx, c)
	}
}
