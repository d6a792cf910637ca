package cases

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/bench/measure"
	"github.com/tenon-go/tenon/bench/rig"
)

// TestForwardWaitsBeyondTheMarksOfTransactions sends nine of ten events in a transaction whose marks make the ends ten and more,
// and the last one only when the rate has been taken.
func TestForwardWaitsBeyondTheMarksOfTransactions(t *testing.T) {
	t.Parallel()
	r, err := rig.Start(t.Context(), rig.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Stop() })
	cl, err := kgo.NewClient(kgo.SeedBrokers(r.Brokers()...), kgo.DefaultProduceTopic(topic), kgo.TransactionalID("marks"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	lap := new(measure.Lap)
	relay := func(ctx context.Context) error {
		if err := transact(ctx, cl, 0, 9); err != nil {
			return err
		}
		if err := rig.Until(ctx, func() (bool, error) { return lap.Values()["rate"] > 0, nil }); err != nil {
			return err
		}
		if err := transact(ctx, cl, 9, 10); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	}
	if err := (world{rig: r}).forward(t.Context(), lap, 10, true, background(relay)); err != nil {
		t.Error(err)
	}
}

// A relay that ends by itself fails its round: who notices it takes the error, and the lap's end must not wait for another.
func TestARoundEndsWhenItsRelayHasFailed(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	c := measure.Case{Name: "c", Metrics: rate("x"), Competitors: []measure.Competitor{{
		Name: "relay", Role: measure.Ours, Round: func(ctx context.Context, lap *measure.Lap) error {
			failed, err := background(func(context.Context) error { return broken })(ctx, lap)
			if err != nil {
				return err
			}
			return <-failed
		},
	}}}
	if _, err := measure.Run(t.Context(), []measure.Case{c}, 1, io.Discard); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
}

// transact sends the events from one number to the one before another in a transaction.
func transact(ctx context.Context, cl *kgo.Client, from, to int) error {
	if err := cl.BeginTransaction(); err != nil {
		return err
	}
	for seq := from; seq < to; seq++ {
		cl.Produce(ctx, &kgo.Record{Key: fmt.Appendf(nil, "k%d", seq), Value: fmt.Appendf(nil, `{"seq":%d}`, seq)}, nil)
	}
	if err := cl.Flush(ctx); err != nil {
		return err
	}
	return cl.EndTransaction(ctx, kgo.TryCommit)
}
