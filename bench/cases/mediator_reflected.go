package cases

import (
	"context"
	"fmt"
	"reflect"
	"slices"
)

// reflected is a mediator as they are usual in Go: handlers found by the request's reflect.Type, everything an any in between.
type reflected struct {
	handlers   map[reflect.Type]any
	behaviours []reflectedBehaviour
}

type (
	reflectedHandler[Q, R any] interface {
		Handle(ctx context.Context, request Q) (R, error)
	}
	reflectedNext      func(ctx context.Context) (any, error)
	reflectedBehaviour interface {
		Handle(ctx context.Context, request any, next reflectedNext) (any, error)
	}
)

func newReflected() *reflected { return &reflected{handlers: make(map[reflect.Type]any)} }

func register[Q, R any](m *reflected, h reflectedHandler[Q, R]) {
	var q Q
	m.handlers[reflect.TypeOf(q)] = h
}

func sendReflected[Q, R any](ctx context.Context, m *reflected, request Q) (R, error) {
	var none R
	handler, ok := m.handlers[reflect.TypeOf(request)]
	if !ok {
		return none, fmt.Errorf("no handler for request %T", request)
	}
	typed, ok := handler.(reflectedHandler[Q, R])
	if !ok {
		return none, fmt.Errorf("handler for request %T is a %T", request, handler)
	}
	var next reflectedNext = func(ctx context.Context) (any, error) { return typed.Handle(ctx, request) }
	for _, b := range slices.Backward(m.behaviours) {
		inner := next
		next = func(ctx context.Context) (any, error) { return b.Handle(ctx, request, inner) }
	}
	response, err := next(ctx)
	if err != nil {
		return none, err
	}
	result, ok := response.(R)
	if !ok {
		return none, fmt.Errorf("response to %T is a %T", request, response)
	}
	return result, nil
}

type pingHandler struct{}

// Handle implements reflectedHandler.
func (pingHandler) Handle(ctx context.Context, q ping) (int, error) { return answerPing(ctx, q) }

type onwardBehaviour struct{}

// Handle implements reflectedBehaviour.
func (onwardBehaviour) Handle(ctx context.Context, _ any, next reflectedNext) (any, error) {
	return next(ctx)
}
