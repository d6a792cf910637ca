package cases

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/bench/measure"
	"github.com/tenon-go/tenon/bench/rig"
)

// starter starts what forwards and returns when it runs. What ends it before the lap does is sent to failed.
type starter func(ctx context.Context, lap *measure.Lap) (failed <-chan error, err error)

// background is a starter for what blocks until its context ends. The lap's end waits for it.
func background(run func(ctx context.Context) error) starter {
	return func(ctx context.Context, lap *measure.Lap) (<-chan error, error) {
		ctx, stop := context.WithCancel(ctx)
		failed, wait := ending(func() error { return run(ctx) })
		lap.Cleanup(func() error {
			stop()
			if err := wait(); !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		})
		return failed, nil
	}
}

// ending runs something and tells its end twice: to the one that looks whether it failed, and to everybody that waits.
func ending(run func() error) (failed <-chan error, wait func() error) {
	told, ended := make(chan error, 1), make(chan struct{})
	var result error // set when ended is closed
	go func() {
		defer close(ended)
		result = run()
		told <- result
	}()
	return told, func() error {
		<-ended
		return result
	}
}

// forward measures how many records a second come onto the topic until there are n, and checks that these are the first n of
// the backlog, in order where they are keyed. What is beyond n may be there too.
//
// Ends count the marks of transactions as well, so at the moment when they say n a few records may be missing: the rate is that
// of the records which were there then, and the check waits for the rest.
func (w world) forward(ctx context.Context, lap *measure.Lap, n int64, keyed bool, start starter) error {
	if err := w.freshTopics(ctx); err != nil {
		return err
	}
	failed, err := start(ctx, lap)
	if err != nil {
		return err
	}
	began := time.Now()
	ends, sum, err := w.await(ctx, failed, n)
	elapsed := time.Since(began)
	for counted := false; err == nil; counted = true {
		got := newArrivals(keyed)
		if err := w.rig.Read(ctx, topic, ends, got.add); err != nil {
			return err
		}
		if !counted {
			lap.Record("rate", float64(len(got.seen))/elapsed.Seconds())
		}
		if int64(len(got.seen)) >= n {
			return got.check(n)
		}
		ends, sum, err = w.await(ctx, failed, sum+1)
	}
	return err
}

// progressTopic is where the exactly-once relay keeps how far it is.
const progressTopic = "tenon.relay.cursors"

// freshTopics makes the events' topic anew. The databases of all rounds are copies of one log with one identity: a relay that
// finds the progress of an earlier round would rightly take everything for sent.
func (w world) freshTopics(ctx context.Context) error {
	if err := w.rig.DeleteTopic(ctx, progressTopic); err != nil {
		return err
	}
	return w.rig.Topic(ctx, topic, relayPartitions)
}

// await waits until the ends of the topic sum up to at least so much.
func (w world) await(ctx context.Context, failed <-chan error, least int64) (ends map[int32]int64, sum int64, err error) {
	err = rig.Until(ctx, func() (bool, error) {
		select {
		case err := <-failed:
			return false, fmt.Errorf("the relay ended: %w", err)
		default:
		}
		var err error
		ends, sum, err = w.rig.Ends(ctx, topic)
		return sum >= least, err
	})
	return ends, sum, err
}

// arrivals is what was found on the topic.
type arrivals struct {
	keyed bool
	seen  map[int64]int    // how often, by number
	last  map[string]int64 // number of the newest first appearance, by key
}

func newArrivals(keyed bool) *arrivals {
	return &arrivals{keyed: keyed, seen: make(map[int64]int), last: make(map[string]int64)}
}

func (a *arrivals) add(r *kgo.Record) error {
	var e happened
	if err := json.Unmarshal(r.Value, &e); err != nil {
		return fmt.Errorf("record at %d of partition %d: %w", r.Offset, r.Partition, err)
	}
	a.seen[e.Seq]++
	if !a.keyed || a.seen[e.Seq] > 1 {
		return nil
	}
	if len(r.Key) == 0 {
		return fmt.Errorf("event %d has no key", e.Seq)
	}
	if last, ok := a.last[string(r.Key)]; ok && last > e.Seq {
		return fmt.Errorf("event %d of %s comes after %d", e.Seq, r.Key, last)
	}
	a.last[string(r.Key)] = e.Seq
	return nil
}

// check fails unless every number up to n is there.
func (a *arrivals) check(n int64) error {
	for seq := range n {
		if a.seen[seq] == 0 {
			return fmt.Errorf("event %d is not on the topic, which holds %d events", seq, len(a.seen))
		}
	}
	return nil
}
