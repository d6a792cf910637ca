package cases

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/bench/measure"
)

const (
	sendName      = "tenon, Send"
	reflectedName = "mediator by reflection"
	directName    = "direct call"
)

// ping is a request that costs nothing to answer.
type ping struct {
	application.Returns[int]
	N int
}

func answerPing(_ context.Context, q ping) (int, error) { return q.N + 1, nil }

// mediator is what it costs to find and call a handler.
func (w world) mediator() measure.Case {
	return measure.Case{
		Name:    "mediator",
		About:   fmt.Sprintf("A query without work, within three behaviours that only go on; %d requests a round from one goroutine.", w.sizes.Sends),
		Metrics: []measure.Metric{{Name: "time", Unit: "ns", Lower: true}, {Name: "allocations", Unit: "per request", Lower: true, Exact: true}},
		Competitors: []measure.Competitor{
			{Name: sendName, Role: measure.Ours, Round: w.sendOurs},
			{
				Name: reflectedName, Role: measure.Peer,
				Note: "of the style of Go-MediatR, whose module can't be had here: registry by reflect.Type, requests and responses as any, " +
					"the chain of behaviours built anew for each request.",
				Round: w.sendReflected,
			},
			{Name: directName, Role: measure.Limit, Note: "of the handler, without behaviours.", Round: w.callDirectly},
		},
		Goals: []measure.Goal{
			{Metric: "time", Of: sendName, Against: reflectedName, AtLeast: 6, Unmet: "One map lookup by type and three calls through function values."},
			{Metric: "allocations", Of: sendName, AtMost: 0, Unmet: "Something escapes: see BenchmarkSend of package application."},
		},
	}
}

func (w world) sendOurs(ctx context.Context, lap *measure.Lap) error {
	b := application.NewBuilder(application.Config{})
	onward := func(ctx context.Context, _ application.Call, next application.Next) error { return next.Run(ctx) }
	b.Use(onward, onward, onward)
	application.Answer(b, answerPing)
	m, err := b.Build()
	if err != nil {
		return err
	}
	return w.loop(lap, func(n int) (int, error) { return application.Send(ctx, m, ping{N: n}) })
}

func (w world) sendReflected(ctx context.Context, lap *measure.Lap) error {
	m := newReflected()
	register(m, pingHandler{})
	for range 3 {
		m.behaviours = append(m.behaviours, onwardBehaviour{})
	}
	return w.loop(lap, func(n int) (int, error) { return sendReflected[ping, int](ctx, m, ping{N: n}) })
}

func (w world) callDirectly(ctx context.Context, lap *measure.Lap) error {
	return w.loop(lap, func(n int) (int, error) { return answerPing(ctx, ping{N: n}) })
}

// loop sends many requests and records what one costs.
func (w world) loop(lap *measure.Lap, send func(int) (int, error)) error {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	for n := range w.sizes.Sends {
		if got, err := send(n); err != nil || got != n+1 {
			return errors.Join(fmt.Errorf("request %d: answer %d, want %d", n, got, n+1), err)
		}
	}
	elapsed := time.Since(began)
	runtime.ReadMemStats(&after)
	lap.Record("time", float64(elapsed.Nanoseconds())/float64(w.sizes.Sends))
	// Whole ones: what the runtime itself allocates in the background is no request's.
	lap.Record("allocations", math.Floor(float64(after.Mallocs-before.Mallocs)/float64(w.sizes.Sends)))
	return nil
}
