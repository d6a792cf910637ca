package application

import (
	"context"
	"reflect"
	"sync"
)

// route is the prebuilt way of one request type: the behaviours, then the end.
type route[C, R any] struct {
	name  string
	kind  Kind
	chain []Behaviour
	end   func(context.Context, C) (R, error)
	calls sync.Pool // of *call[C, R]: the frame that behaviours see, reused so that sending allocates nothing
}

func newRoute[C, R any](kind Kind, end func(context.Context, C) (R, error)) *route[C, R] {
	r := &route[C, R]{name: reflect.TypeFor[C]().String(), kind: kind, end: end}
	r.calls.New = func() any { return &call[C, R]{route: r} }
	return r
}

func (r *route[C, R]) send(ctx context.Context, c C) (R, error) {
	if len(r.chain) == 0 {
		return r.end(ctx, c)
	}
	x := r.calls.Get().(*call[C, R]) //nolint:errcheck,forcetypeassert // the pool holds nothing else
	x.request = c
	err := x.run(ctx, 0)
	result := x.result
	// Not in a defer: a frame that a panic passed through isn't used again.
	*x = call[C, R]{route: r}
	r.calls.Put(x)
	if err != nil {
		var none R
		return none, err
	}
	return result, nil
}

// call is one request on its way through the chain.
type call[C, R any] struct {
	route   *route[C, R]
	request C
	result  R
}

func (x *call[C, R]) run(ctx context.Context, i int) (err error) {
	if i < len(x.route.chain) {
		return x.route.chain[i](ctx, Call{x}, Next{x, i + 1})
	}
	x.result, err = x.route.end(ctx, x.request)
	return err
}

func (x *call[C, R]) name() string    { return x.route.name }
func (x *call[C, R]) kind() Kind      { return x.route.kind }
func (x *call[C, R]) requestPtr() any { return &x.request }
func (x *call[C, R]) resultPtr() any  { return &x.result }

// frame is call without its types.
type frame interface {
	run(ctx context.Context, i int) error
	name() string
	kind() Kind
	requestPtr() any
	resultPtr() any
}
