package consumer_test

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/ports/consumer"
)

// TestStopWaitsForWhatIsInHand: a handler in hand ends by its context, and stores nothing then.
func TestStopWaitsForWhatIsInHand(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	r := newRig(t, consumer.Config{}, noting(func(ctx context.Context, _ string) error {
		close(begun)
		<-ctx.Done()
		return ctx.Err()
	}))
	r.feed.event("order.confirmed", "a")
	r.start()
	<-begun
	if err := r.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if kept := r.letters(); len(kept) != 0 || len(r.effects()) != 0 || r.feed.done() != 0 {
		t.Errorf("a message that was interrupted was acked %d times, with %d letters and effects %v", r.feed.done(), len(kept), r.effects())
	}
}

// TestHandlerThatIgnoresItsContext is told by health, and by Run at the end.
func TestHandlerThatIgnoresItsContext(t *testing.T) {
	t.Parallel()
	free := make(chan struct{})
	cfg := consumer.Config{
		Retries: -1, Timeout: time.Millisecond, MinBackoff: time.Millisecond, MaxBackoff: time.Millisecond, CloseTimeout: 50 * time.Millisecond,
	}
	r := newRig(t, cfg, noting(func(context.Context, string) error { <-free; return nil }))
	r.feed.event("order.confirmed", "a")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- r.router.Run(ctx) }()
	r.waitFor("health tells of it", func() bool { return r.router.Health() != nil })
	cancel()
	if err := <-ended; err == nil {
		t.Error("Run returned nil although a handler didn't end")
	}
	close(free)
}

// TestGoroutinesAndMemoryStayFlat over many messages, a part of which fail, panic and repeat.
func TestGoroutinesAndMemoryStayFlat(t *testing.T) {
	const rounds, each = 4, 2000
	r := newRig(t, consumer.Config{Retries: 1, MinBackoff: time.Microsecond, MaxBackoff: time.Microsecond}, func(*rig) consumer.Handler {
		return failingNowAndThen()
	})
	r.start()
	var goroutines, heap [rounds]uint64
	for round := range rounds {
		for i := range each {
			r.feed.event("order.confirmed", strconv.Itoa(i))
		}
		r.waitFor("the round", func() bool { return r.feed.done() == (round+1)*each && r.router.Stats("flaky").InHand == 0 })
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		goroutines[round], heap[round] = uint64(runtime.NumGoroutine()), m.HeapAlloc
	}
	if goroutines[rounds-1] > goroutines[0]+5 {
		t.Errorf("goroutines after each %d messages: %v, want them flat", each, goroutines)
	}
	// The inbox of the memory adapter keeps each id: some 300 bytes a message.
	if grown := int64(heap[rounds-1]) - int64(heap[0]); grown > (rounds-1)*each*1000 {
		t.Errorf("heap after each %d messages: %v, want it flat", each, heap)
	}
	if s := r.router.Stats("flaky"); s.DeadLettered == 0 || s.Handled == 0 || s.Handled+s.DeadLettered != rounds*each {
		t.Errorf("stats %+v, want %d messages handled or dead-lettered, some of each", s, rounds*each)
	}
}

// failingNowAndThen handles without effects; one order in a hundred fails, one in a hundred panics.
func failingNowAndThen() consumer.Handler {
	h := consumer.Handler{Name: "flaky", Topic: topic}
	consumer.On(&h, "order.confirmed", func(_ context.Context, _ eventlog.Tx, e confirmed) error {
		switch n, err := strconv.Atoi(e.Order); {
		case err != nil || n%100 == 3:
			return errors.New("no stamps")
		case n%100 == 7:
			panic("no stamps")
		}
		return nil
	})
	return h
}
