package applicationtest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	watermill "github.com/ThreeDotsLabs/watermill/message"

	"github.com/tenon-go/tenon/application/consuming"
	"github.com/tenon-go/tenon/application/eventlog"
)

// EffectsFixture is an empty inbox and a log in the same database, which stands for what handlers write.
type EffectsFixture struct {
	Effects consuming.Effects
	Reader  eventlog.Reader
}

// Effects tests consuming.Effects: what a handler writes and the note that it did commit together, once per message.
func Effects(t *testing.T, fixture func(t testing.TB) EffectsFixture) {
	t.Helper()
	runChecks(t, fixture, effectsChecks())
}

func effectsChecks() []check[EffectsFixture] {
	return []check[EffectsFixture]{
		{"effects are stored", effectsStored},
		{"a message that comes again has no effect", effectsOnce},
		{"a failed handler stores nothing and may be called again", effectsFailed},
		{"a panicking handler stores nothing and may be called again", effectsPanicked},
		{"of rivals with one message exactly one has an effect", effectsRivals},
		{"handlers and messages are apart", effectsApart},
	}
}

// writing is a handler that appends one event.
func writing(aggregate string) func(context.Context, eventlog.Tx) error {
	return func(ctx context.Context, tx eventlog.Tx) error {
		return tx.Append(ctx, []eventlog.Record{message(aggregate)})
	}
}

func (f EffectsFixture) once(ctx context.Context, handler, id string, do func(context.Context, eventlog.Tx) error, fresh bool) error {
	got, err := f.Effects.Once(ctx, handler, watermill.NewMessage(id, nil), do)
	if err == nil && got != fresh {
		err = fmt.Errorf("message %s of handler %s was fresh: %t, want %t", id, handler, got, fresh)
	}
	return err
}

// stored checks how many records handlers wrote.
func (f EffectsFixture) stored(ctx context.Context, want int) error {
	all, _, err := drain(ctx, f.Reader, "", 100)
	if err == nil && len(all) != want {
		err = fmt.Errorf("%d effects are stored, want %d", len(all), want)
	}
	return err
}

func effectsStored(ctx context.Context, f EffectsFixture) error {
	return errors.Join(f.once(ctx, "mail", "m1", writing("a"), true), f.stored(ctx, 1))
}

func effectsOnce(ctx context.Context, f EffectsFixture) error {
	return errors.Join(f.once(ctx, "mail", "m1", writing("a"), true), f.once(ctx, "mail", "m1", writing("a"), false), f.stored(ctx, 1))
}

func effectsFailed(ctx context.Context, f EffectsFixture) error {
	failure := errors.New("no stamps")
	err := f.once(ctx, "mail", "m1", func(ctx context.Context, tx eventlog.Tx) error {
		return errors.Join(failure, writing("a")(ctx, tx))
	}, false)
	if !errors.Is(err, failure) {
		return fmt.Errorf("a handler that failed gave %w, want its error", err)
	}
	return errors.Join(f.stored(ctx, 0), f.once(ctx, "mail", "m1", writing("a"), true), f.stored(ctx, 1))
}

func effectsPanicked(ctx context.Context, f EffectsFixture) error {
	func() {
		defer func() { _ = recover() }()
		_, _ = f.Effects.Once(ctx, "mail", watermill.NewMessage("m1", nil), func(ctx context.Context, tx eventlog.Tx) error {
			panic(writing("a")(ctx, tx))
		})
	}()
	return errors.Join(f.stored(ctx, 0), f.once(ctx, "mail", "m1", writing("a"), true), f.stored(ctx, 1))
}

func effectsRivals(ctx context.Context, f EffectsFixture) error {
	const rivals = 8
	met := newMeeting(rivals)
	var fresh atomic.Int32
	err := together(rivals, func(int) error {
		won, err := f.Effects.Once(ctx, "mail", watermill.NewMessage("m1", nil), func(ctx context.Context, tx eventlog.Tx) error {
			met.wait()
			return writing("a")(ctx, tx)
		})
		if won {
			fresh.Add(1)
		}
		return err
	})
	if err == nil && fresh.Load() != 1 {
		err = fmt.Errorf("%d of %d rivals had an effect, want 1", fresh.Load(), rivals)
	}
	return errors.Join(err, f.stored(ctx, 1))
}

func effectsApart(ctx context.Context, f EffectsFixture) error {
	return errors.Join(
		f.once(ctx, "mail", "m1", writing("a"), true), f.once(ctx, "mail", "m2", writing("a"), true),
		f.once(ctx, "mai", "lm1", writing("a"), true), f.once(ctx, "print", "m1", writing("a"), true), f.stored(ctx, 4),
	)
}
