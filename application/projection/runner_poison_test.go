package projection_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/relaying"
	"github.com/tenon-go/tenon/domain"
)

func TestPoisonAloneIsTriedFourTimes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.handle(t, event(t, 0, "refused"))
	if diff := cmp.Diff([][]int{{0}, {0}, {0}, {0}}, r.calls); diff != "" {
		t.Errorf("calls of Apply (-want +got):\n%s", diff)
	}
	if got := r.Stats(); got.Parked != 1 || got.Retries != 3 || got.Applied != 0 {
		t.Errorf("stats %+v, want 1 parked after 3 retries", got)
	}
}

func TestPoisonRetriesAreConfigurable(t *testing.T) {
	t.Parallel()
	for retries, want := range map[int]int{-1: 1, 1: 2, 5: 6} {
		r := newRig(t, func(r *rig) { r.cfg.Retries = retries })
		r.handle(t, event(t, 0, "refused"))
		if len(r.calls) != want {
			t.Errorf("Retries %d: Apply was called %d times, want %d", retries, len(r.calls), want)
		}
	}
}

func TestPoisonIsFoundAmongOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	batch := events(t, 0, 9)
	batch[3] = event(t, 3, "refused")
	batch[6] = delivery(6, "other.event", "{}")
	batch[7] = event(t, 7, "panic")
	batch[8] = delivery(8, "other.event", "{}")
	r.handle(t, batch...)
	if diff := cmp.Diff([]int{0, 1, 2, 4, 5, 9}, r.effect(t)); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
	letters := r.letters(t)
	if len(letters) != 2 || !bytes.Equal(letters[0].Value, batch[3].Value) || !bytes.Equal(letters[1].Value, batch[7].Value) {
		t.Errorf("dead letters %+v, want events 3 and 7", letters)
	}
	if got := r.Stats(); got.Applied != 6 || got.Passed != 2 || got.Parked != 2 {
		t.Errorf("stats %+v, want 6 applied, 2 passed, 2 parked", got)
	}
}

func TestPoisonThatRecoversIsApplied(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	failures := 0
	r.hook = func(noted) error {
		if failures++; failures <= 3 {
			return errors.New("not yet")
		}
		return nil
	}
	r.handle(t, event(t, 0, ""))
	if got := r.Stats(); got.Applied != 1 || got.Retries != 3 || got.Parked != 0 {
		t.Errorf("stats %+v, want 1 applied after 3 retries", got)
	}
}

func TestPoisonPanicKeepsItsStack(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.handle(t, event(t, 0, "panic"))
	all := r.parked(t)
	if len(all) != 1 || all[0].Reason != deadletter.Panicked || !strings.Contains(all[0].Stack, "runner_kit_test.go") || all[0].Attempts != 4 {
		t.Fatalf("parked %+v, want one with the stack of the panic", all)
	}
	if said := all[0].Error; !strings.Contains(said, "projection list version 2") || !strings.Contains(said, "cannot bear it") {
		t.Errorf("error %q names neither projection nor panic", said)
	}
}

func TestPoisonThatCannotBeDecodedIsNotRetried(t *testing.T) {
	t.Parallel()
	noEvent := delivery(1, "thing.noted", "{}")
	noEvent.Record, noEvent.Err = eventlog.Record{}, fmt.Errorf("%w: event-id", relaying.ErrHeaders)
	newer := delivery(1, "thing.noted", "{}")
	newer.Record.SchemaVersion = 9
	for name, bad := range map[string]projection.Delivery{
		"headers": noEvent, "payload": delivery(1, "thing.noted", `{"n":`), "schema version": newer,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.handle(t, event(t, 0, ""), bad, event(t, 2, ""))
			if diff := cmp.Diff([][]int{{0, 2}}, r.calls); diff != "" {
				t.Errorf("calls of Apply (-want +got):\n%s", diff)
			}
			if got := r.Stats(); got.Parked != 1 || got.Retries != 0 || len(r.letters(t)) != 1 {
				t.Errorf("stats %+v, want 1 parked without retries", got)
			}
		})
	}
}

// brokenCodec fails for reasons of its own.
type brokenCodec struct {
	codec.Codec
	decode func() error
}

func (c brokenCodec) Decode(ctx context.Context, m codec.Meta, payload []byte) (domain.Event, error) {
	if err := c.decode(); err != nil {
		return nil, err
	}
	return c.Codec.Decode(ctx, m, payload)
}

func TestPoisonToTheCodec(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		decode  func() error
		retries int64
	}{
		"malformed": {func() error { return codec.ErrMalformed }, 0},
		"unknown":   {func() error { return codec.ErrUnknownType }, 0},
		"no key":    {func() error { return errors.New("no key") }, 3},
		"panic":     {func() error { panic("codec") }, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(r *rig) { r.cfg.Codec = brokenCodec{r.cfg.Codec, tt.decode} })
			r.handle(t, event(t, 0, ""))
			if got := r.Stats(); got.Parked != 1 || got.Retries != tt.retries {
				t.Errorf("stats %+v, want 1 parked after %d retries", got, tt.retries)
			}
		})
	}
}
