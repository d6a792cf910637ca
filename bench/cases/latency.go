package cases

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/bench/measure"
	"github.com/tenon-go/tenon/bench/rig"
)

// latencyClients send the commands: enough that none of them waits for a free one while the program keeps up.
const latencyClients = 16

// latency is how long an event is on its way while commands come at a fixed rate.
func (w world) latency() measure.Case {
	ms := func(name string) measure.Metric { return measure.Metric{Name: name, Unit: "ms", Lower: true} }
	return measure.Case{
		Name: fmt.Sprintf("latency at %d events/s", w.sizes.Rate),
		About: fmt.Sprintf("One program with all roles takes %d commands a second for %v, by the clock: a command that begins late counts from when it "+
			"was due, so waiting isn't left out. From then, the commit included, until a read_committed consumer has the record, and until "+
			"the projection has written its row (its commit follows). The first fifth doesn't count.", w.sizes.Rate, w.sizes.Latency),
		Metrics: []measure.Metric{ms("Kafka p50"), ms("Kafka p99"), ms("projection p50"), ms("projection p99")},
		Competitors: []measure.Competitor{
			{Name: exactlyOnce, Role: measure.Ours, Round: func(ctx context.Context, lap *measure.Lap) error { return w.delayed(ctx, lap, "exactly-once") }},
			{Name: watermillMode, Role: measure.Ours, Round: func(ctx context.Context, lap *measure.Lap) error { return w.delayed(ctx, lap, "watermill") }},
		},
		Goals: []measure.Goal{
			{
				Metric: "Kafka p99", Of: exactlyOnce, AtMost: 20,
				Unmet: "Waiting for one of two processors, of which all the programs of this case use five sixths: the relay's read of a page takes " +
					"2.5 to 3 ms at the median here, and 0.6 ms at 250 events/s; a Kafka transaction takes 1.1 to 1.4 ms, and 0.6 ms.",
			},
			{Metric: "projection p99", Of: exactlyOnce, AtMost: 50, Unmet: "What comes late to Kafka comes late to the projection."},
		},
	}
}

// journey notes when each event was due and when it arrived where, in nanoseconds since began.
type journey struct {
	began              time.Time
	due                []time.Duration
	consumed, projects []atomic.Int64
	left               atomic.Int64 // arrivals that are still awaited
}

func newJourney(rate int, d time.Duration) *journey {
	n := int(d.Seconds() * float64(rate))
	j := &journey{due: make([]time.Duration, n), consumed: make([]atomic.Int64, n), projects: make([]atomic.Int64, n)}
	for i := range j.due {
		j.due[i] = time.Duration(i) * time.Second / time.Duration(rate)
	}
	j.left.Store(2 * int64(n))
	return j
}

// arrive notes the first arrival of an event.
func (j *journey) arrive(at []atomic.Int64, seq int64) {
	if at[seq].CompareAndSwap(0, int64(time.Since(j.began))) {
		j.left.Add(-1)
	}
}

// record records the percentiles of one destination, without the first fifth.
func (j *journey) record(lap *measure.Lap, name string, at []atomic.Int64) {
	var all []float64
	for i := len(j.due) / 5; i < len(j.due); i++ {
		all = append(all, float64(time.Duration(at[i].Load())-j.due[i])/float64(time.Millisecond))
	}
	lap.Record(name+" p50", measure.Percentile(all, 50))
	lap.Record(name+" p99", measure.Percentile(all, 99))
}

func (w world) delayed(ctx context.Context, lap *measure.Lap, relay string) error {
	url, err := w.rig.Database(ctx, lap, empty())
	if err != nil {
		return err
	}
	if err := w.freshTopics(ctx); err != nil {
		return err
	}
	j := newJourney(w.sizes.Rate, w.sizes.Latency)
	p := &program{url: url, brokers: w.rig.Brokers()[0], roles: "api,relay,projections", relay: relay, projection: j.projection(time.Now().Unix())}
	failed, err := p.start(ctx, lap)
	if err != nil {
		return err
	}
	j.began = time.Now().Add(200 * time.Millisecond)
	consumed, err := background(func(ctx context.Context) error { return j.consume(ctx, w.rig.Brokers()) })(ctx, lap)
	if err != nil {
		return err
	}
	if err := j.send(ctx, p); err != nil {
		return err
	}
	err = rig.Until(ctx, func() (bool, error) {
		select {
		case err := <-failed:
			return false, fmt.Errorf("the program ended: %w", err)
		case err := <-consumed:
			return false, fmt.Errorf("the consumer ended: %w", err)
		default:
			return j.left.Load() == 0, nil
		}
	})
	if err != nil {
		return err
	}
	j.record(lap, "Kafka", j.consumed)
	j.record(lap, "projection", j.projects)
	return count(ctx, url, `SELECT count(*) FROM tenon.events`, int64(len(j.due)))
}

// projection is the read model, which notes what it has written.
func (j *journey) projection(version int64) *projection.Projection {
	p := seen(version, topic, projection.Once, func([]projection.Event) {})
	write := p.Apply
	p.Apply = func(ctx context.Context, tx eventlog.Tx, batch []projection.Event) error {
		if err := write(ctx, tx, batch); err != nil {
			return err
		}
		for _, e := range batch {
			j.arrive(j.projects, e.Event.(happened).Seq) //nolint:errcheck,forcetypeassert // the one type that it handles
		}
		return nil
	}
	return p
}

// consume reads the topic from its beginning and notes what arrives.
func (j *journey) consume(ctx context.Context, brokers []string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	defer cl.Close()
	for {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return errors.Join(ctx.Err(), err)
		}
		for iter := fetches.RecordIter(); !iter.Done(); {
			var e happened
			if err := json.Unmarshal(iter.Next().Value, &e); err != nil {
				return err
			}
			j.arrive(j.consumed, e.Seq)
		}
	}
}

// send sends every command when it is due, or as soon after that as a client is free.
func (j *journey) send(ctx context.Context, p *program) error {
	var next atomic.Int64
	errs := make([]error, latencyClients)
	var all sync.WaitGroup
	for i := range latencyClients {
		all.Go(func() {
			for errs[i] == nil {
				seq := next.Add(1) - 1
				if seq >= int64(len(j.due)) {
					return
				}
				time.Sleep(time.Until(j.began.Add(j.due[seq])))
				_, errs[i] = p.makeThing(ctx, makeThing{Event: happened{Seq: seq, Text: text(seq)}})
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}
