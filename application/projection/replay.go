package projection

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tenon-go/tenon/application/codec"
	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// ReplayerConfig says what a [Replayer] replays and with what.
type ReplayerConfig struct {
	Projection  Projection
	Store       eventlog.Store
	Checkpoints Checkpoints          // in the same database as Store
	Parked      deadletter.Replaying // there too
	Codec       codec.Codec

	Timeout time.Duration    // for one call of Apply; 0: 30 s
	Now     func() time.Time // nil: time.Now
}

// Replayer applies what is parked of one projection, through the projection's own Apply. It may run in any process, also
// while runners run: what comes meanwhile waits its turn behind the sequence. Safe for concurrent use.
type Replayer struct{ cfg ReplayerConfig }

// NewReplayer returns a replayer, or what is missing in the configuration.
func NewReplayer(cfg ReplayerConfig) (*Replayer, error) {
	if cfg.Projection.Apply == nil || cfg.Store == nil || cfg.Checkpoints == nil || cfg.Parked == nil || cfg.Codec == nil {
		return nil, fmt.Errorf("replay of projection %q: want Apply, Store, Checkpoints, Parked and Codec", cfg.Projection.Name)
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Replayer{cfg: cfg}, nil
}

// Replay is what became of a sequence.
type Replay struct {
	Applied int               // events that were applied and aren't parked any more
	Stuck   *deadletter.Event // the event that failed again, with the rest behind it; nil: the sequence flows again
}

// replayTogether is how many events one transaction applies: an owner of the partition may wait for it.
const replayTogether = 50

// Replay applies a sequence's events in order until it is at its end or one fails again, which is noted. A replay that is
// cut off has applied what it has; do it again. The error wraps deadletter.ErrNotParked when the sequence isn't there.
func (r *Replayer) Replay(ctx context.Context, k deadletter.Key, by deadletter.Decision) (Replay, error) {
	if err := by.Check(deadletter.Replayed); err != nil {
		return Replay{}, err
	}
	if k.Projection != r.cfg.Projection.Name || k.Version != r.cfg.Projection.Version {
		return Replay{}, fmt.Errorf("sequence is of projection %s version %d, not of %s version %d", k.Projection, k.Version,
			r.cfg.Projection.Name, r.cfg.Projection.Version)
	}
	var done Replay
	for most, begun := replayTogether, false; ; begun = true {
		taken, err := r.step(ctx, k, most, by)
		failed, isFailed := errors.AsType[*stepError](err)
		switch {
		case err == nil:
			done.Applied += len(taken)
		case errors.Is(err, deadletter.ErrNotParked) && begun:
			return done, nil
		case isFailed && len(taken) > 1:
			most = 1
		case isFailed:
			done.Stuck = &taken[0]
			done.Stuck.Failure = failed.failure
			return done, r.cfg.Parked.Failed(ctx, taken[0].ID, failed.failure)
		case errors.Is(err, eventlog.ErrTransient) || errors.Is(err, eventlog.ErrOutcomeUnknown):
			if err := r.pause(ctx); err != nil {
				return done, err
			}
		default:
			return done, fmt.Errorf("replay: %w", err)
		}
	}
}

// pause lets the one for whose sake a transaction was given up go first.
func (r *Replayer) pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(10*time.Millisecond + rand.N(40*time.Millisecond)): //nolint:gosec // jitter
		return nil
	}
}

// stepError says that events failed, not the database.
type stepError struct{ failure deadletter.Failure }

func (e *stepError) Error() string { return e.failure.Error }

// step applies a sequence's first events in one transaction and returns them.
func (r *Replayer) step(ctx context.Context, k deadletter.Key, most int, by deadletter.Decision) ([]deadletter.Event, error) {
	tx, err := r.cfg.Store.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() //nolint:errcheck // does nothing after Commit
	taken, err := r.cfg.Parked.Take(ctx, tx, k, 0, most)
	if err != nil {
		return nil, err
	}
	events, ids := make([]Event, len(taken)), make([]int64, len(taken))
	for i := range taken {
		ids[i] = taken[i].ID
		if events[i], err = r.event(ctx, &taken[i]); err != nil {
			return taken, r.blame(ctx, tx, err)
		}
	}
	if events, err = fresh(ctx, tx, r.cfg.Checkpoints, &r.cfg.Projection, events); err != nil {
		return nil, err
	}
	if len(events) > 0 {
		if err := callApply(ctx, &r.cfg.Projection, r.cfg.Timeout, tx, events); err != nil {
			return taken, r.blame(ctx, tx, err)
		}
	}
	if err := r.cfg.Parked.Done(ctx, tx, k, ids, by); err != nil {
		return nil, err
	}
	return taken, tx.Commit(ctx)
}

// blame decides whether an error is the events' or the database's.
func (r *Replayer) blame(ctx context.Context, tx eventlog.Tx, err error) error {
	if lost := tx.Rollback(); lost != nil || isOutage(err) || ctx.Err() != nil {
		return errors.Join(err, lost)
	}
	f := failureOf(err, 0)
	if poison, ok := errors.AsType[*poisonError](err); ok {
		f = poison.failure
	}
	said := deadletter.Failure{
		Reason: f.reason, At: r.cfg.Now().UTC().Truncate(time.Microsecond),
		Error: fmt.Sprintf("projection %s version %d: %v", r.cfg.Projection.Name, r.cfg.Projection.Version, f.cause),
	}
	if panicked, ok := errors.AsType[*PanicError](err); ok {
		said.Stack = string(panicked.Stack)
	}
	return &stepError{said}
}

// poisonError carries a failure that is known to be one.
type poisonError struct{ failure *failure }

func (e *poisonError) Error() string { return e.failure.cause.Error() }

// event decodes a parked event with the payload that is in force.
func (r *Replayer) event(ctx context.Context, e *deadletter.Event) (Event, error) {
	record, err := relaying.Parse(e.Headers)
	if err != nil {
		return Event{}, &poisonError{&failure{reason: deadletter.Undecodable, cause: err}}
	}
	record.Topic, record.Payload = topicOf(e.Key.Topic, e.Headers), e.Current()
	if !slices.Contains(r.cfg.Projection.Types, record.Type) {
		return Event{}, &poisonError{&failure{reason: deadletter.Unknown, cause: fmt.Errorf("no handler for events of type %q", record.Type)}}
	}
	event, poison, err := decode(ctx, r.cfg.Codec, &Delivery{Record: record, Value: record.Payload})
	if poison != nil {
		err = &poisonError{poison}
	}
	return Event{Record: record, Event: event}, err
}
