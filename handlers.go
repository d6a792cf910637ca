package tenon

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tenon-go/tenon/adapters/kafka"
	"github.com/tenon-go/tenon/adapters/postgres"
	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/ports/consumer"
)

// handlers are what the contexts declare with [Wiring.Consume] and [Wiring.Subscribe].
type handlers struct {
	consumed   []consumer.Handler // of topics
	subscribed []consumer.Handler // of the log
}

// check reports names that are given twice: two handlers would share a group, a place in the log and rows of the inbox.
func (h handlers) check() error {
	var errs []error
	seen := make(map[string]bool)
	for _, handler := range slices.Concat(h.consumed, h.subscribed) {
		if seen[handler.Name] {
			errs = append(errs, fmt.Errorf("two handlers are named %q", handler.Name))
		}
		seen[handler.Name] = true
	}
	for _, handler := range h.consumed {
		if handler.Topic == "" {
			errs = append(errs, fmt.Errorf("handler %q names no topic", handler.Name))
		}
	}
	return errors.Join(errs...)
}

const (
	// subscriptionDeadline is longer than any handler that ends with its context takes. The server ends a session that is
	// idle in a transaction for a minute, so that one that doesn't holds nothing for longer.
	subscriptionDeadline = 24 * time.Hour
	// subscriptionHistory is for the outbox view, which shows the relay's batches only.
	subscriptionHistory = 100
)

// wireConsumed makes a router for every handler of a topic: a consumer group of its own, effects with an inbox.
func (a *App) wireConsumed(w *wired, c codec.Codec, cfg kafka.Config, all []consumer.Handler) error {
	inbox := postgres.NewConsumerInbox(w.db)
	for _, h := range all {
		group := "tenon.handler." + h.Name
		subscriber, err := kafka.NewSubscriber(cfg, kafka.SourceConfig{Group: group})
		if err != nil {
			return err
		}
		w.closers = append(w.closers, subscriber.Close)
		source := consumer.Source{Subscriber: subscriber, Effects: inbox}
		if err := a.wireHandler(w, c, h, source); err != nil {
			return err
		}
		w.topics = append(w.topics, h.Topic)
	}
	if len(all) > 0 {
		w.handlers = append(w.handlers, a.pruning("the inbox of handlers", a.cfg.InboxKeep, inbox.Prune))
	}
	return nil
}

// wireSubscribed makes a router for every handler of the log: a place in the log of its own, which moves on with the effects.
func (a *App) wireSubscribed(w *wired, c codec.Codec, all []consumer.Handler) error {
	for _, h := range all {
		subscriber, err := postgres.NewSubscriber(w.db, postgres.SubscriberConfig{
			Group: "handler." + h.Name, Unmarshal: postgres.LogMessage, Signal: w.db.Signal(), Logger: a.log,
			AckDeadline: subscriptionDeadline, History: subscriptionHistory,
		})
		if err != nil {
			return err
		}
		w.closers = append(w.closers, subscriber.Close)
		source := consumer.Source{Subscriber: subscriber, Effects: postgres.NewConsumerLog(w.db), Log: true}
		if err := a.wireHandler(w, c, h, source); err != nil {
			return err
		}
	}
	return nil
}

func (a *App) wireHandler(w *wired, c codec.Codec, h consumer.Handler, source consumer.Source) error {
	router, err := consumer.New(consumer.Config{Codec: c, Logger: a.log, CloseTimeout: a.cfg.ShutdownTimeout})
	if err != nil {
		return err
	}
	if err := router.Add(h, source); err != nil {
		return err
	}
	w.metrics.MustRegister(handlerMetrics(h.Name, router)...)
	w.handlers = append(w.handlers, newLoop("handler "+h.Name, router.Run, router.Health))
	return nil
}
