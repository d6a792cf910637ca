package memory_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
)

// ledger is a handler that notes each value it is given, together with the checkpoint.
type ledger struct {
	log         *memory.Log
	checkpoints *memory.Checkpoints
	seen        *memory.Table[int]       // value to how often it took effect
	fail        func(offset int64) error // nil: never
}

func newLedger() *ledger {
	log := memory.NewLog()
	return &ledger{log: log, checkpoints: memory.NewCheckpoints(log), seen: memory.NewTable[int](log)}
}

func (l *ledger) Start(ctx context.Context, p projection.Partition) (int64, error) {
	return l.checkpoints.Next(ctx, "ledger", 1, p)
}

func (l *ledger) Handle(ctx context.Context, p projection.Partition, from int64, batch []projection.Delivery) (int64, error) {
	if l.fail != nil {
		if err := l.fail(batch[0].Offset); err != nil {
			return 0, err
		}
	}
	tx, err := l.log.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	next := batch[len(batch)-1].Offset + 1
	if err := l.checkpoints.Advance(ctx, tx, "ledger", 1, p, from, next); err != nil {
		return 0, err
	}
	for _, d := range batch {
		n, _, err := l.seen.Get(ctx, tx, string(d.Value))
		if err == nil {
			err = l.seen.Put(ctx, tx, string(d.Value), n+1)
		}
		if err != nil {
			return 0, err
		}
	}
	return next, tx.Commit(ctx)
}

// once returns nil when exactly n values took effect, each once.
func (l *ledger) once(ctx context.Context, n int) error {
	rows, err := l.seen.Rows(ctx)
	if err != nil {
		return err
	}
	count := 0
	for value, times := range rows {
		if count++; times != 1 {
			return fmt.Errorf("%s took effect %d times", value, times)
		}
	}
	if count != n {
		return fmt.Errorf("%d values took effect, want %d", count, n)
	}
	return nil
}

// run starts a source and returns what stops it and gives Run's error.
func run(t *testing.T, s *memory.Source, h projection.Handler) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, h) }()
	stop = func() error {
		cancel()
		return <-done
	}
	return stop
}

func publish(t *testing.T, broker *memory.Broker, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		m := memory.Message{Topic: "t", Key: fmt.Sprint("key ", i), Value: fmt.Append(nil, i)}
		if err := broker.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSourceDeliversFromTheBeginning(t *testing.T) {
	t.Parallel()
	broker, l := memory.NewBroker(3), newLedger()
	publish(t, broker, 0, 20)
	stop := run(t, memory.NewSource(broker, "g", "t"), l)
	publish(t, broker, 20, 40)
	applicationtest.Eventually(t, func() error { return l.once(t.Context(), 40) })
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestSourceGoesOnAtTheCheckpoint(t *testing.T) {
	t.Parallel()
	broker, l := memory.NewBroker(3), newLedger()
	for round := range 3 {
		publish(t, broker, round*10, round*10+10)
		stop := run(t, memory.NewSource(broker, "g", "t"), l)
		applicationtest.Eventually(t, func() error { return l.once(t.Context(), round*10+10) })
		if err := stop(); err != nil {
			t.Error(err)
		}
	}
}

// TestSourceMembersComeAndGo has partitions change hands while records come.
func TestSourceMembersComeAndGo(t *testing.T) {
	t.Parallel()
	broker, l := memory.NewBroker(4), newLedger()
	stay := run(t, memory.NewSource(broker, "g", "t"), l)
	for round := range 5 {
		guest := run(t, memory.NewSource(broker, "g", "t"), l)
		publish(t, broker, round*50, round*50+50)
		if err := guest(); err != nil {
			t.Error(err)
		}
	}
	applicationtest.Eventually(t, func() error { return l.once(t.Context(), 250) })
	if err := stay(); err != nil {
		t.Error(err)
	}
}

// visits is a handler without a checkpoint that notes the values it was given.
type visits struct {
	mu     sync.Mutex
	values map[string]bool
}

func (v *visits) Start(context.Context, projection.Partition) (int64, error) {
	return projection.None, nil
}

func (v *visits) Handle(_ context.Context, _ projection.Partition, _ int64, batch []projection.Delivery) (int64, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, d := range batch {
		v.values[string(d.Value)] = true
	}
	return batch[len(batch)-1].Offset + 1, nil
}

// of returns how many of the values were given.
func (v *visits) of(from, to int) (n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := from; i < to; i++ {
		if v.values[strconv.Itoa(i)] {
			n++
		}
	}
	return n
}

// TestSourceMembersShareThePartitions publishes rounds until one finds both members settled: each record goes to one of them.
func TestSourceMembersShareThePartitions(t *testing.T) {
	t.Parallel()
	const size = 20
	broker := memory.NewBroker(4)
	first, second := &visits{values: make(map[string]bool)}, &visits{values: make(map[string]bool)}
	stopFirst := run(t, memory.NewSource(broker, "g", "t"), first)
	stopSecond := run(t, memory.NewSource(broker, "g", "t"), second)
	published := 0
	applicationtest.Eventually(t, func() error {
		from, to := published, published+size
		publish(t, broker, from, to)
		published = to
		applicationtest.Eventually(t, func() error {
			if a, b := first.of(from, to), second.of(from, to); a+b < size {
				return fmt.Errorf("members have %d and %d of %d records", a, b, size)
			}
			return nil
		})
		// The round before: of this one a member may still be about to get what the other has.
		if a, b := first.of(from-size, from), second.of(from-size, from); a+b != size || a == 0 || b == 0 {
			return fmt.Errorf("members have %d and %d of %d records", a, b, size)
		}
		return nil
	})
	if err := errors.Join(stopFirst(), stopSecond()); err != nil {
		t.Error(err)
	}
}

func TestSourceStartsAgainAfterErrMoved(t *testing.T) {
	t.Parallel()
	broker, l := memory.NewBroker(1), newLedger()
	moved := false
	l.fail = func(int64) error {
		if !moved {
			moved = true
			return fmt.Errorf("apply: %w", projection.ErrMoved)
		}
		return nil
	}
	publish(t, broker, 0, 5)
	stop := run(t, memory.NewSource(broker, "g", "t"), l)
	applicationtest.Eventually(t, func() error { return l.once(t.Context(), 5) })
	if err := stop(); err != nil || !moved {
		t.Errorf("moved %t, error %v", moved, err)
	}
}

func TestSourceEndsWithTheHandlersError(t *testing.T) {
	t.Parallel()
	broker, l := memory.NewBroker(3), newLedger()
	broken := errors.New("cannot go on")
	l.fail = func(int64) error { return broken }
	publish(t, broker, 0, 1)
	wantError(t, memory.NewSource(broker, "g", "t").Run(t.Context(), l), broken)
}

func TestSourceNoticesReplacedTopic(t *testing.T) {
	t.Parallel()
	broker, l := memory.NewBroker(1), newLedger()
	publish(t, broker, 0, 1)
	ended := make(chan error, 1)
	go func() { ended <- memory.NewSource(broker, "g", "t").Run(t.Context(), l) }()
	applicationtest.Eventually(t, func() error { return l.once(t.Context(), 1) })
	broker.Delete("t")
	wantError(t, <-ended, projection.ErrTopicReplaced)
}

func TestSourceHealth(t *testing.T) {
	t.Parallel()
	broker, l := memory.NewBroker(1), newLedger()
	s := memory.NewSource(broker, "g", "t")
	if s.Health() == nil {
		t.Error("health is good before Run")
	}
	publish(t, broker, 0, 1)
	stop := run(t, s, l)
	applicationtest.Eventually(t, func() error { return errors.Join(s.Health(), l.once(t.Context(), 1)) })
	mend := broker.Break()
	applicationtest.Eventually(t, func() error {
		if !errors.Is(s.Health(), eventlog.ErrUnavailable) {
			return fmt.Errorf("health during an outage is %v", s.Health())
		}
		return nil
	})
	mend()
	publish(t, broker, 1, 2)
	applicationtest.Eventually(t, func() error { return errors.Join(s.Health(), l.once(t.Context(), 2)) })
	if err := stop(); err != nil {
		t.Error(err)
	}
	if s.Health() == nil {
		t.Error("health is good after Run")
	}
}
