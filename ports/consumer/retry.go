package consumer

import (
	"context"
	"errors"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tenon-go/tenon/application/backoff"
	"github.com/tenon-go/tenon/application/consuming"
	"github.com/tenon-go/tenon/application/eventlog"
)

// retried tries a message again in place, outside of any transaction of its own.
func (s *stack) retried(next message.HandlerFunc) message.HandlerFunc {
	return func(m *message.Message) ([]*message.Message, error) {
		return nil, s.try(m, func() error {
			_, err := next(m)
			return err
		})
	}
}

// try runs do until it succeeds, the message's context ends, or an error that is no outage has come back after Retries more
// attempts: *spentError. Retries start anew after an outage, which may have been what the earlier errors were about.
func (s *stack) try(m *message.Message, do func() error) error {
	ctx := m.Context()
	defer s.state.goesOn(m.UUID)
	for failures, outages := 0, 0; ; {
		err := do()
		var outage *outageError
		var attempt int
		switch {
		case err == nil || errors.Is(err, consuming.ErrAbandoned):
			return err
		case ended(ctx, err):
			return ctx.Err()
		case errors.As(err, &outage):
			s.state.waits(m.UUID, err)
			failures, outages = 0, outages+1
			attempt = outages
		case failures >= s.cfg.Retries || errors.Is(err, ErrPoison):
			return &spentError{cause: err}
		default:
			if failures == 0 {
				s.state.log.WarnContext(ctx, "handler failed, trying again", "message", m.UUID, "error", err)
			}
			failures, outages = failures+1, 0
			attempt = failures
			s.state.count(func(c *Stats) { c.Retries++ })
		}
		if err := backoff.Wait(ctx, attempt, s.cfg.MinBackoff, s.cfg.MaxBackoff); err != nil {
			return err
		}
	}
}

// bury appends a copy of a message that failed for good to the log, in the transaction that notes the message as handled.
func (s *stack) bury(m *message.Message, cause error) error {
	d := consuming.DeliveryOf(m)
	note := func(ctx context.Context, tx eventlog.Tx) error {
		record, err := letter(&d, s.handler.Name, cause)
		if err != nil {
			return err
		}
		return tx.Append(ctx, []eventlog.Record{record})
	}
	fresh := false
	err := s.waitOut(m, func(ctx context.Context) (err error) {
		fresh, err = s.source.Effects.Once(ctx, s.handler.Name, m, note)
		return err
	})
	if err != nil || !fresh {
		return err
	}
	s.state.log.ErrorContext(m.Context(), "message dead-lettered", "topic", d.Partition.Topic, "partition", d.Partition.Number,
		"offset", d.Offset, "message", m.UUID, "error", cause)
	s.state.count(func(c *Stats) { c.DeadLettered++ })
	return nil
}

// waitOut repeats a step that no message can be blamed for until it succeeds.
func (s *stack) waitOut(m *message.Message, step func(context.Context) error) error {
	return s.try(m, func() error {
		err := step(m.Context())
		if err == nil || errors.Is(err, consuming.ErrAbandoned) {
			return err
		}
		return &outageError{cause: err}
	})
}
