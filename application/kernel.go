package application

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"time"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/reading"
	"github.com/tenon-go/tenon/domain"
)

// kernel is what all units of work of one mediator share; read-only once the mediator is built.
type kernel struct {
	store      eventlog.Store
	appender   eventlog.Appender // the store's, nil when it has none
	codec      codec.Codec
	types      *codec.Types
	aggregates map[reflect.Type]*aggregateKind // by pointer type
	before     map[reflect.Type][]beforeFunc   // by event type
	after      map[reflect.Type]afterFunc      // by event type
	inline     []inline
	models     *reading.Models
	now        func() time.Time
	newID      func() uuid.UUID
	retries    int
	log        *slog.Logger
}

func newKernel(cfg Config) *kernel {
	types := new(codec.Types)
	k := &kernel{
		store: cfg.Store, types: types, codec: codec.JSON{Types: types},
		aggregates: make(map[reflect.Type]*aggregateKind), before: make(map[reflect.Type][]beforeFunc),
		after: make(map[reflect.Type]afterFunc),
		now:   cfg.Now, newID: cfg.NewID, retries: cfg.Retries, log: cfg.Logger, models: cfg.Models,
	}
	k.codec = cfg.codec(types)
	k.appender, _ = cfg.Store.(eventlog.Appender)
	if k.now == nil {
		k.now = time.Now
	}
	if k.newID == nil {
		k.newID = func() uuid.UUID { return uuid.Must(uuid.NewV7()) }
	}
	if k.retries == 0 {
		k.retries = 3
	}
	if k.log == nil {
		k.log = slog.Default()
	}
	return k
}

// inUnit runs a command handler in a unit of work, again with a fresh one when the commit met a conflict.
func inUnit[C, R any](k *kernel, h func(context.Context, *Unit, C) (R, error)) func(context.Context, C) (R, error) {
	return func(ctx context.Context, c C) (R, error) {
		for retry := 0; ; retry++ {
			u := newUnit(ctx, k)
			result, err := h(ctx, u, c)
			if err != nil {
				var none R
				return none, err
			}
			if err = u.commit(ctx); err == nil {
				u.note(ctx)
				u.tellAfter(ctx)
				return result, nil
			}
			if retry >= k.retries || !u.mayRetry(err) || !pause(ctx, retry) {
				var none R
				return none, u.explain(err)
			}
		}
	}
}

// mayRetry reports whether a fresh unit could do better: never under a demanded version, whose caller wants to know
// instead.
func (u *Unit) mayRetry(err error) bool {
	return len(u.demanded) == 0 && (errors.Is(err, domain.ErrConflict) || errors.Is(err, eventlog.ErrTransient))
}

// explain turns a conflict about an aggregate whose version the caller demanded into the demand's failure.
func (u *Unit) explain(err error) error {
	var conflict *domain.ConflictError
	if !errors.As(err, &conflict) {
		return err
	}
	for _, d := range u.demanded {
		if d.Type == conflict.Type && d.ID == conflict.ID {
			return &PreconditionError{Type: d.Type, ID: d.ID, Expected: d.Version, Actual: conflict.Actual}
		}
	}
	return err
}

// pause waits a little before a retry, so that those who met don't meet again; false when ctx ended.
func pause(ctx context.Context, retry int) bool {
	t := time.NewTimer(rand.N(time.Millisecond << min(retry, 6))) //nolint:gosec // no secret
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// tellAfter tells the after-commit handlers. What they do can't undo the commit, so neither can the caller's going
// away.
func (u *Unit) tellAfter(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	for _, h := range u.happened {
		tell, ok := u.kernel.after[reflect.TypeOf(h.event)]
		if !ok {
			continue
		}
		md := u.metadata
		md.CausationID = h.record.ID.String()
		if err := tell(WithMetadata(ctx, md), h); err != nil {
			u.kernel.log.ErrorContext(ctx, "after-commit handler failed", "event", h.record.Type, "event_id", h.record.ID,
				"aggregate_id", h.record.AggregateID, "correlation_id", md.CorrelationID, "error", err)
		}
	}
}
