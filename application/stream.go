package application

import (
	"context"
	"iter"
	"reflect"
)

// Stream runs q's stream handler and yields what it yields. The behaviours run around the whole iteration; an error
// from them or from the handler is the last pair. Breaking off ends the handler's iteration and isn't an error.
func Stream[Q Request[R], R any](ctx context.Context, m *Mediator, q Q) iter.Seq2[R, error] {
	s, ok := m.streams[keyOf[Q]()].(*streamRoute[Q, R])
	if !ok {
		return func(yield func(R, error) bool) {
			var none R
			yield(none, noHandler(reflect.TypeFor[Q]()))
		}
	}
	return s.open(ctx, q)
}

type streamRoute[Q, R any] struct {
	chain  []Behaviour
	handle func(context.Context, Q) iter.Seq2[R, error]
}

func (s *streamRoute[Q, R]) open(ctx context.Context, q Q) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		broken := false
		r := newRoute(KindStream, func(ctx context.Context, q Q) (Done, error) {
			for v, err := range s.handle(ctx, q) {
				if err != nil {
					return Done{}, err
				}
				if broken = !yield(v, nil); broken {
					break
				}
			}
			return Done{}, nil
		})
		r.chain = s.chain
		if _, err := r.send(ctx, q); err != nil && !broken {
			var none R
			yield(none, err)
		}
	}
}
