package consumer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tenon-go/tenon/application"
	"github.com/tenon-go/tenon/application/consuming"
	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// stack is one handler with what stands around it.
type stack struct {
	cfg     *Config
	handler Handler
	source  Source
	state   *state
}

func newStack(cfg *Config, h Handler, s Source) *stack {
	return &stack{cfg: cfg, handler: h, source: s, state: newState(cfg.Logger.With("handler", h.Name))}
}

// middlewares are the layers around the handler, the outermost first. Each gets a copy of the message's context and leaves the
// message itself to the router.
func (s *stack) middlewares() []message.HandlerMiddleware {
	return []message.HandlerMiddleware{
		s.settled, s.retried, s.effected, s.traced, s.timed, recovered,
	}
}

// handle is the innermost: the user's function.
func (s *stack) handle(m *message.Message) error { return s.handler.call(m, s.cfg.Codec) }

// settled passes by what isn't the handler's, and makes a dead letter of what failed for good. What it returns an error for,
// which is the end of the message's context only, is delivered again.
func (s *stack) settled(next message.HandlerFunc) message.HandlerFunc {
	return func(m *message.Message) ([]*message.Message, error) {
		if !s.wants(m) {
			s.state.count(func(c *Stats) { c.Passed++ })
			return nil, nil
		}
		s.state.begin(m)
		defer s.state.end(m)
		ctx := m.Context()
		defer m.SetContext(ctx) // a layer that panics must not leave its context behind
		_, err := next(m)
		m.SetContext(ctx)
		if spent, ok := errors.AsType[*spentError](err); ok {
			err = s.bury(m, spent.cause)
		}
		if errors.Is(err, consuming.ErrAbandoned) {
			s.state.waits(page, err)
			return nil, nil
		}
		return nil, err
	}
}

// wants reports whether the message is the handler's to handle. In the log the copies of dead letters come by again: a handler
// that fails on the copy too would copy copies for ever.
func (s *stack) wants(m *message.Message) bool {
	ownCopy := s.source.Log && strings.HasSuffix(m.Metadata.Get(consuming.MetadataTopic), deadletter.TopicSuffix)
	return !ownCopy && s.handler.wants(m)
}

// page stands, among the messages that wait, for the transaction in which messages of the log come.
const page = "page of the log"

// effected runs the rest in the transaction of the message's effects, which is then in its context.
func (s *stack) effected(next message.HandlerFunc) message.HandlerFunc {
	return func(m *message.Message) ([]*message.Message, error) {
		outer := m.Context()
		defer m.SetContext(outer)
		fresh, err := s.source.Effects.Once(outer, s.handler.Name, m, func(ctx context.Context, tx eventlog.Tx) error {
			m.SetContext(consuming.WithTx(ctx, tx))
			_, err := next(m)
			return handlerError(err)
		})
		if err != nil {
			return nil, blame(err)
		}
		s.state.goesOn(page)
		switch {
		case fresh:
			s.state.count(func(c *Stats) { c.Handled++ })
		default:
			s.state.count(func(c *Stats) { c.Repeated++ })
		}
		return nil, nil
	}
}

// traced puts the event's correlation and trace into the context, and the event's id as the cause of what follows from it.
func (*stack) traced(next message.HandlerFunc) message.HandlerFunc {
	return func(m *message.Message) ([]*message.Message, error) {
		m.SetContext(application.WithMetadata(m.Context(), application.Metadata{
			CorrelationID: m.Metadata.Get(relaying.HeaderCorrelationID), CausationID: m.UUID,
			Traceparent: m.Metadata.Get(relaying.HeaderTraceparent),
		}))
		return next(m)
	}
}

// timed ends the context of an attempt that takes too long. What the driver says about a statement that was cut off by that is
// not to be taken for an outage.
func (s *stack) timed(next message.HandlerFunc) message.HandlerFunc {
	return func(m *message.Message) ([]*message.Message, error) {
		outer := m.Context()
		ctx, cancel := context.WithTimeout(outer, s.cfg.Timeout)
		defer cancel()
		m.SetContext(ctx)
		defer m.SetContext(outer)
		_, err := next(m)
		if err != nil && ctx.Err() != nil && outer.Err() == nil {
			err = fmt.Errorf("%w after %v: %v", context.DeadlineExceeded, s.cfg.Timeout, err) //nolint:errorlint // see above
		}
		return nil, err
	}
}

// recovered makes an error of a panic, before anything else sees it.
func recovered(next message.HandlerFunc) message.HandlerFunc {
	return func(m *message.Message) (_ []*message.Message, err error) {
		defer func() {
			if v := recover(); v != nil {
				err = panicked(v)
			}
		}()
		return next(m)
	}
}
