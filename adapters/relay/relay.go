// Package relay carries the log to a broker: [Watermill] forwards it by Watermill's own forwarder, from any subscriber
// over the log (postgres.Subscriber) to any publisher (kafka.Publisher). [Wrap] dresses a record for the way between
// the two; what reaches the broker is the record's payload under relaying.Headers, without an envelope.
//
// A record is published at least once. Within a key and a topic the first appearances are in the order of the log: one
// record is in hand at a time, and the next one waits until it is out. A crash, an outage or a publish whose answer was
// lost repeats records, at most a page of them, with the same event id.
//
// The subscriber keeps its transaction open while records are published: that transaction is what holds a second relay
// back and what makes the confirmed position and the page one. It is the only place in Tenon where a database
// transaction waits for a broker; the subscriber's AckDeadline bounds how long. It holds one connection and, like any
// open transaction, keeps vacuum from removing newer dead rows; it delays no reader or writer of the log.
package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/components/forwarder"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tenon-go/tenon/adapters/relay/internal/bounded"
	"github.com/tenon-go/tenon/adapters/relay/internal/pause"
	"github.com/tenon-go/tenon/application/relaying"
)

// topic is the subscription's name for the whole log; it never reaches the broker.
const topic = "log"

// Config says what is forwarded where. Subscriber and Publisher are required.
type Config struct {
	// Subscriber yields the log's records as [Wrap] made them, in order, the next one only when the last was acked, a
	// nacked one again before any other. When it has a method Health() error, that is part of the relay's health.
	// The relay subscribes to it, again if the subscription ends, and leaves it open.
	Subscriber message.Subscriber
	// Publisher sends to the broker and returns when the broker has it. The relay leaves it open.
	Publisher message.Publisher
	// Failures receives what can't be published at present. Default: nobody.
	Failures relaying.Failures
	// Logger receives one line when publishing stops to work and one when it works again. Default: none.
	Logger *slog.Logger
	// PublishLimit is how long one publish may take before it counts as failed. A later publish still waits for its
	// end, so that order holds. Keep it under the subscriber's AckDeadline. Default 20 s.
	PublishLimit time.Duration
	// RetryMax bounds the pause between two attempts, which doubles from 50 ms. Default 3 s.
	RetryMax time.Duration
	// CloseTimeout is how long a Run that was told to stop waits for the record in hand. Default 25 s.
	CloseTimeout time.Duration
}

func (c *Config) setDefaults() {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Failures == nil {
		c.Failures = nobody{}
	}
	defaults := []struct {
		field *time.Duration
		value time.Duration
	}{{&c.PublishLimit, 20 * time.Second}, {&c.RetryMax, 3 * time.Second}, {&c.CloseTimeout, 25 * time.Second}}
	for _, d := range defaults {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
}

func (c *Config) check() error {
	var errs []error
	if c.Subscriber == nil {
		errs = append(errs, errors.New("Subscriber is nil: a subscriber over the log is required"))
	}
	if c.Publisher == nil {
		errs = append(errs, errors.New("Publisher is nil: a publisher is required"))
	}
	for name, d := range map[string]time.Duration{
		"PublishLimit": c.PublishLimit, "RetryMax": c.RetryMax, "CloseTimeout": c.CloseTimeout,
	} {
		if d < 0 {
			errs = append(errs, fmt.Errorf("%s is %s: must be positive, or 0 for the default", name, d))
		}
	}
	return errors.Join(errs...)
}

// Watermill is the relay that Watermill's forwarder runs.
type Watermill struct {
	cfg       Config
	publisher *bounded.Publisher
	state     state
}

var _ relaying.Relay = (*Watermill)(nil)

// NewWatermill returns a relay that has not begun. What is wrong with cfg is reported by Run and Health.
func NewWatermill(cfg Config) *Watermill {
	cfg.setDefaults()
	return &Watermill{cfg: cfg, publisher: bounded.New(cfg.Publisher, cfg.PublishLimit), state: state{log: cfg.Logger}}
}

// Run forwards until ctx ends, then lets the record in hand finish for at most CloseTimeout and returns nil. It waits
// through outages of the log and of the broker. The error says which fields of Config are wrong.
func (w *Watermill) Run(ctx context.Context) error {
	if err := w.cfg.check(); err != nil {
		return fmt.Errorf("run the relay: %w", err)
	}
	var between pause.Pause
	for ctx.Err() == nil {
		began := time.Now()
		err := w.forward(ctx)
		if ctx.Err() != nil {
			break
		}
		if time.Since(began) > time.Minute {
			between.Reset()
		}
		w.state.stopped(err)
		between.Wait(w.cfg.RetryMax, ctx.Done(), nil)
	}
	w.publisher.Settle(w.cfg.CloseTimeout)
	return nil
}

// forward runs one forwarder until ctx ends or its subscription does. A router can't be started twice, and one whose
// subscribing fails leaves a goroutine behind: so each gets a subscription that stands already.
func (w *Watermill) forward(ctx context.Context) error {
	subscribed, unsubscribe := context.WithCancel(ctx)
	defer unsubscribe()
	messages, err := w.cfg.Subscriber.Subscribe(subscribed, topic)
	if err != nil {
		return fmt.Errorf("subscribe to the log: %w", err)
	}
	f, err := forwarder.NewForwarder(subscription(messages), w.publisher, w.quiet(), forwarder.Config{
		ForwarderTopic: topic,
		CloseTimeout:   w.cfg.CloseTimeout,
		Middlewares:    []message.HandlerMiddleware{w.attempts(ctx)},
	})
	if err != nil {
		return err
	}
	lasting := time.AfterFunc(w.cfg.RetryMax, w.state.lasting)
	defer lasting.Stop()
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		<-f.Running()
		if err := f.Close(); err != nil {
			w.cfg.Logger.Warn("relay left a publish unfinished", "error", err, "after", w.cfg.CloseTimeout)
		}
	})
	err = f.Run(context.WithoutCancel(ctx))
	if !stop() {
		<-closed
	}
	return err
}

// quiet is a log for the router, which writes a line for each record that fails: state says that once.
func (w *Watermill) quiet() watermill.LoggerAdapter {
	return watermill.NewSlogLoggerWithLevelMapping(w.cfg.Logger, map[slog.Level]slog.Level{
		slog.LevelError: slog.LevelDebug,
		slog.LevelInfo:  slog.LevelDebug,
	})
}

// Health returns nil while records flow or there are none, else an error with what fails and since when: publishing,
// forwarding, or what the subscriber says about itself.
func (w *Watermill) Health() error {
	errs := []error{w.state.health()}
	if err := w.cfg.check(); err != nil {
		errs = append(errs, fmt.Errorf("relay can't run: %w", err))
	}
	if s, ok := w.cfg.Subscriber.(interface{ Health() error }); ok {
		errs = append(errs, s.Health())
	}
	return errors.Join(errs...)
}
