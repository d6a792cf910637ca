package relay

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tenon-go/tenon/adapters/relay/internal/pause"
	"github.com/tenon-go/tenon/application/relaying"
)

// noteLimit bounds how long a note for operators may hold up the records.
const noteLimit = 2 * time.Second

// attempts returns the middleware that counts, reports and spaces the attempts at a record. It waits before the nack:
// the subscriber sends a nacked record again at once.
func (w *Watermill) attempts(running context.Context) message.HandlerMiddleware {
	var between pause.Pause
	return func(next message.HandlerFunc) message.HandlerFunc {
		return func(m *message.Message) ([]*message.Message, error) {
			err := publish(next, m)
			switch {
			case err == nil:
				between.Reset()
				w.published(m)
			case errors.Is(m.Context().Err(), context.Canceled):
				// The subscriber has let go of the record: nobody waits for the outcome.
			default:
				w.refused(m, err)
				between.Wait(w.cfg.RetryMax, running.Done(), m.Context().Done())
			}
			return nil, err
		}
	}
}

// publish runs the forwarder's handler. A panic in the publisher becomes an error here, because the router recovers
// outside the middlewares.
func publish(next message.HandlerFunc, m *message.Message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("publisher panicked: %v", p)
		}
	}()
	_, err = next(m)
	return err
}

func (w *Watermill) published(m *message.Message) {
	if failed := w.state.published(); failed > 0 {
		w.note(m.Context(), failed, 0, nil)
	}
}

func (w *Watermill) refused(m *message.Message, err error) {
	position, _ := strconv.ParseInt(m.Metadata[relaying.HeaderPosition], 10, 64)
	n := w.state.refused(position, m.Metadata[headerTopic], err)
	if position > 0 {
		w.note(m.Context(), position, n, err)
	}
}

// note tells operators, also about a record that the subscriber has let go of.
func (w *Watermill) note(ctx context.Context, position int64, n int, cause error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteLimit)
	defer cancel()
	if err := w.cfg.Failures.Failed(ctx, position, n, cause); err != nil {
		w.cfg.Logger.Debug("relay could not note a failure", "position", position, "attempts", n, "error", err)
	}
}

type nobody struct{}

var _ relaying.Failures = nobody{}

// Failed implements relaying.Failures.
func (nobody) Failed(context.Context, int64, int, error) error { return nil }
