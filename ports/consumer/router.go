package consumer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tenon-go/tenon/application/consuming"
)

// Source says where a handler's messages come from and where its effects go.
type Source struct {
	// Subscriber yields messages made by consuming.Message, a partition's next one only when the last was acked, a nacked one
	// again. When it has a method Health() error, that is part of the router's health. The router leaves it open.
	Subscriber message.Subscriber
	// Effects commits what the handler writes.
	Effects consuming.Effects
	// Log says that messages are those of the log itself, where the copies of dead letters come by again: they are passed by.
	Log bool
}

// Router runs handlers over a Watermill router. Safe for concurrent use once all handlers are added.
type Router struct {
	cfg    Config
	router *message.Router
	log    *slog.Logger

	mu     sync.Mutex
	stacks []*stack
}

// New returns a router without handlers. The error names the fields of cfg that are wrong.
func New(cfg Config) (*Router, error) {
	cfg.setDefaults()
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("make a router of handlers: %w", err)
	}
	// The router writes a line for each message that fails: the stack says that once.
	quiet := watermill.NewSlogLoggerWithLevelMapping(cfg.Logger, map[slog.Level]slog.Level{
		slog.LevelError: slog.LevelDebug, slog.LevelInfo: slog.LevelDebug,
	})
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: cfg.CloseTimeout}, quiet)
	if err != nil {
		return nil, fmt.Errorf("make a router of handlers: %w", err)
	}
	return &Router{cfg: cfg, router: router, log: cfg.Logger}, nil
}

// Watermill returns the router underneath, to add middlewares to, which run outside of the safe stack. Run and Close are the
// Router's own to call.
func (r *Router) Watermill() *message.Router { return r.router }

// Add adds a handler before Run. The error says what is wrong with it.
func (r *Router) Add(h Handler, s Source) error {
	errs := []error{h.check()}
	if s.Subscriber == nil || s.Effects == nil {
		errs = append(errs, errors.New("want a Subscriber and Effects"))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, other := range r.stacks {
		if other.handler.Name == h.Name {
			errs = append(errs, errors.New("another handler has that name"))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("handler %q: %w", h.Name, err)
	}
	r.stacks = append(r.stacks, newStack(&r.cfg, h, s))
	return nil
}

// Run handles messages until ctx ends, then lets those in hand finish for at most CloseTimeout and returns nil. Outages don't
// end it. An error means that a subscription ended although it wasn't told to, or that a handler doesn't end. Call it once.
//
// The order of stopping: the subscriptions end first, which wait for their message in hand; the router ends when they all
// have. Closed from the other side, router and handler would wait for each other.
func (r *Router) Run(ctx context.Context) error {
	r.mu.Lock()
	stacks := r.stacks
	r.mu.Unlock()
	if len(stacks) == 0 {
		<-ctx.Done()
		return nil
	}
	subscribed, unsubscribe := context.WithCancel(ctx)
	defer unsubscribe()
	for _, s := range stacks {
		messages, err := s.source.Subscriber.Subscribe(subscribed, s.handler.Topic)
		if err != nil {
			return fmt.Errorf("subscribe handler %s: %w", s.handler.Name, err)
		}
		h := r.router.AddConsumerHandler(s.handler.Name, s.handler.Topic, subscription(messages), s.handle)
		h.AddMiddleware(s.middlewares()...)
	}
	ended := make(chan error, 1)
	go func() { ended <- r.router.Run(context.WithoutCancel(ctx)) }()
	select {
	case err := <-ended:
		if ctx.Err() != nil {
			return err
		}
		return errors.Join(err, errors.New("all subscriptions ended"), r.Health())
	case <-ctx.Done():
	}
	late := time.NewTimer(r.cfg.CloseTimeout)
	defer late.Stop()
	select {
	case err := <-ended:
		return err
	case <-late.C:
		return errors.Join(fmt.Errorf("handlers didn't end within %v", r.cfg.CloseTimeout), r.Health())
	}
}

// Health returns nil while messages flow or there are none, else for each handler what is wrong and since when: a subscriber
// that is ill, an outage that is waited out, a handler that doesn't end.
func (r *Router) Health() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, s := range r.stacks {
		errs = append(errs, s.health())
	}
	return errors.Join(errs...)
}

// Stats returns the counts of the handler of that name.
func (r *Router) Stats(handler string) Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.stacks {
		if s.handler.Name == handler {
			return s.state.counts()
		}
	}
	return Stats{}
}

// subscription is a subscription that stands already. The router can't close it: Run ends it.
type subscription <-chan *message.Message

var _ message.Subscriber = subscription(nil)

// Subscribe implements message.Subscriber.
func (s subscription) Subscribe(context.Context, string) (<-chan *message.Message, error) {
	return s, nil
}

// Close implements message.Subscriber.
func (subscription) Close() error { return nil }
