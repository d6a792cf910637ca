package applicationtest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/consuming"
	"github.com/tenon-go/tenon/application/eventlog"
)

// brokenEffects replaces Once of a correct inbox.
type brokenEffects struct {
	inbox *memory.ConsumerInbox
	log   *memory.Log
	once  func(ctx context.Context, e brokenEffects, handler string, m *message.Message, f handling) (bool, error)
}

type handling func(context.Context, eventlog.Tx) error

var _ consuming.Effects = brokenEffects{}

func (e brokenEffects) Once(
	ctx context.Context, handler string, m *message.Message, f func(context.Context, eventlog.Tx) error,
) (bool, error) {
	return e.once(ctx, e, handler, m, f)
}

func TestEffectsCatches(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		once  func(ctx context.Context, e brokenEffects, handler string, m *message.Message, f handling) (bool, error)
		check string
		words string
	}{
		"no inbox":             {always, "a message that comes again has no effect", "was fresh: true, want false"},
		"no inbox, rivals":     {always, "of rivals with one message exactly one has an effect", "rivals had an effect"},
		"noted before":         {notedBefore, "a failed handler stores nothing and may be called again", "was fresh: false, want true"},
		"noted before, panic":  {notedBefore, "a panicking handler stores nothing and may be called again", "was fresh: false, want true"},
		"effects before":       {effectsBefore, "a failed handler stores nothing and may be called again", "1 effects are stored, want 0"},
		"handlers are one":     {oneHandler, "handlers and messages are apart", "of handler print was fresh: false"},
		"effects are given up": {givenUp, "effects are stored", "0 effects are stored, want 1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := memory.NewLog()
			broken := brokenEffects{inbox: memory.NewConsumerInbox(log), log: log, once: tt.once}
			f := applicationtest.EffectsFixture{Effects: broken, Reader: log}
			caught(t, applicationtest.CheckEffects(t, tt.check, f), tt.words)
		})
	}
}

func (e brokenEffects) unit(ctx context.Context, f handling, keepFailed bool) error {
	tx, err := e.log.Begin(ctx)
	if err != nil {
		return err
	}
	if err = f(ctx, tx); err != nil && !keepFailed {
		return errors.Join(err, tx.Rollback())
	}
	return errors.Join(err, tx.Commit(ctx))
}

func always(ctx context.Context, e brokenEffects, _ string, _ *message.Message, f handling) (bool, error) {
	return true, e.unit(ctx, f, false)
}

func notedBefore(ctx context.Context, e brokenEffects, handler string, m *message.Message, f handling) (bool, error) {
	fresh, err := e.inbox.Once(ctx, handler, m, func(context.Context, eventlog.Tx) error { return nil })
	if err != nil || !fresh {
		return false, err
	}
	return true, e.unit(ctx, f, false)
}

func effectsBefore(ctx context.Context, e brokenEffects, handler string, m *message.Message, f handling) (bool, error) {
	if err := e.unit(ctx, f, true); err != nil {
		return false, err
	}
	return e.inbox.Once(ctx, handler, m, func(context.Context, eventlog.Tx) error { return nil })
}

func oneHandler(ctx context.Context, e brokenEffects, _ string, m *message.Message, f handling) (bool, error) {
	return e.inbox.Once(ctx, "all", m, f)
}

func givenUp(ctx context.Context, e brokenEffects, handler string, m *message.Message, _ handling) (bool, error) {
	return e.inbox.Once(ctx, handler, m, func(context.Context, eventlog.Tx) error { return nil })
}
