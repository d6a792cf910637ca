package applicationtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"strings"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
	"github.com/tenon-go/tenon/domain"
)

func relayLifeChecks() []check[RelayFixture] {
	return []check[RelayFixture]{
		{"health is good before the start and while records flow", goodHealth},
		{"a stopped relay returns nil and leaves no goroutine", cleanStop},
		{"a relay that is stopped at once returns nil", stoppedAtOnce},
		{"an outage of the broker shows in health and ends by itself", brokerOutage},
		{"an outage of the log shows in health and ends by itself", logOutage},
		{"a relay that starts during an outage of the broker recovers", startInOutage},
	}
}

// running is a relay that runs, and the label of its goroutines.
type running struct {
	relay relaying.Relay
	label string
	stop  context.CancelFunc
	done  chan error
}

const labelKey = "applicationtest.relay"

// start runs another relay. Goroutines inherit the label of the one that starts them, which is how they are found again.
func (f *RelayFixture) start(ctx context.Context) *running {
	ctx, stop := context.WithCancel(ctx)
	r := &running{relay: f.NewRelay(), label: uuid.NewString(), stop: stop, done: make(chan error, 1)}
	go pprof.Do(ctx, pprof.Labels(labelKey, r.label), func(ctx context.Context) { r.done <- r.relay.Run(ctx) })
	return r
}

// end stops the relay and returns what Run returned.
func (r *running) end(ctx context.Context) error {
	r.stop()
	select {
	case err := <-r.done:
		return step("relay", err)
	case <-ctx.Done():
		return fmt.Errorf("relay doesn't stop: %w", ctx.Err())
	}
}

// relaying runs the work beside a relay, which must stop without an error afterwards.
func (f *RelayFixture) relaying(ctx context.Context, work func(*running) error) error {
	r := f.start(ctx)
	err := work(r)
	if health := r.relay.Health(); err != nil && health != nil {
		err = fmt.Errorf("%w (health: %w)", err, health)
	}
	return errors.Join(err, r.end(ctx))
}

// goroutines returns an error while goroutines with the relay's label run.
func (r *running) goroutines() error {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		return err
	}
	for stack := range strings.SplitSeq(profile.String(), "\n\n") {
		// A pool of connections starts its housekeeping from whoever comes first; it is the fixture's to close.
		if strings.Contains(stack, r.label) && !strings.Contains(stack, "database/sql.(*DB).connection") {
			return fmt.Errorf("a goroutine of the relay still runs:\n%s", stack)
		}
	}
	return nil
}

func goodHealth(ctx context.Context, f RelayFixture) error {
	if err := f.NewRelay().Health(); err != nil {
		return step("before Run", err)
	}
	topic := newTopic()
	return f.relaying(ctx, func(r *running) error {
		if err := f.flows(ctx, topic, event("a", 1)); err != nil {
			return err
		}
		return step("while records flow", until(ctx, r.relay.Health))
	})
}

// flows commits the record and waits until it is published, alone on its topic.
func (f *RelayFixture) flows(ctx context.Context, topic string, r eventlog.Record) error {
	want := on(topic, r)
	err := until(ctx, func() error {
		err := appendAll(ctx, f.Store, want...) // a log that has just come back may refuse at first
		if errors.Is(err, domain.ErrConflict) {
			return nil // nobody else writes this event: it is there
		}
		return err
	})
	if err != nil {
		return err
	}
	_, err = f.publishes(ctx, topic, want)
	return err
}

func cleanStop(ctx context.Context, f RelayFixture) error {
	r := f.start(ctx)
	err := f.flows(ctx, newTopic(), event("a", 1))
	return errors.Join(err, r.end(ctx), until(ctx, r.goroutines))
}

func stoppedAtOnce(ctx context.Context, f RelayFixture) error {
	r := f.start(ctx)
	return errors.Join(r.end(ctx), until(ctx, r.goroutines))
}

func brokerOutage(ctx context.Context, f RelayFixture) error {
	if f.BreakBroker == nil {
		return errSkip
	}
	return f.relaying(ctx, func(r *running) error {
		if err := f.flows(ctx, newTopic(), event("a", 1)); err != nil {
			return step("before the outage", err)
		}
		topic, mend := newTopic(), f.BreakBroker()
		want := on(topic, events("b", 1, 3)...)
		err := appendAll(ctx, f.Store, want...)
		err = errors.Join(err, until(ctx, r.complains))
		mend()
		if err != nil {
			return err
		}
		if _, err := f.publishes(ctx, topic, want); err != nil {
			return step("after the outage", err)
		}
		return step("health after the outage", until(ctx, r.relay.Health))
	})
}

// complains returns nil when health is bad.
func (r *running) complains() error {
	select {
	case err := <-r.done:
		r.done <- err // end takes it as well
		return finalError{fmt.Errorf("the outage ended Run with %w", err)}
	default:
	}
	if r.relay.Health() == nil {
		return errors.New("health is good during an outage")
	}
	return nil
}

func logOutage(ctx context.Context, f RelayFixture) error {
	if f.BreakLog == nil {
		return errSkip
	}
	return f.relaying(ctx, func(r *running) error {
		if err := f.flows(ctx, newTopic(), event("a", 1)); err != nil {
			return step("before the outage", err)
		}
		mend := f.BreakLog()
		err := until(ctx, r.complains)
		mend()
		if err != nil {
			return err
		}
		if err := f.flows(ctx, newTopic(), event("b", 1)); err != nil {
			return step("after the outage", err)
		}
		return step("health after the outage", until(ctx, r.relay.Health))
	})
}

func startInOutage(ctx context.Context, f RelayFixture) error {
	if f.BreakBroker == nil {
		return errSkip
	}
	topic := newTopic()
	want := on(topic, events("a", 1, 3)...)
	if err := appendAll(ctx, f.Store, want...); err != nil {
		return err
	}
	mend := f.BreakBroker()
	return f.relaying(ctx, func(r *running) error {
		err := until(ctx, r.complains)
		mend()
		if err != nil {
			return err
		}
		_, err = f.publishes(ctx, topic, want)
		return err
	})
}
