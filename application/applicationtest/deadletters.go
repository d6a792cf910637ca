package applicationtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// DeadLettersFixture is an empty store of parked sequences and the transactions that it takes part in.
type DeadLettersFixture struct {
	Letters interface {
		deadletter.Parking
		deadletter.Replaying
		deadletter.Finder
		deadletter.Desk
	}
	Store eventlog.Store
}

// DeadLetters tests the contracts of package deadletter.
func DeadLetters(t *testing.T, fixture func(t testing.TB) DeadLettersFixture) {
	t.Helper()
	runChecks(t, fixture, deadLettersChecks())
}

func deadLettersChecks() []check[DeadLettersFixture] {
	return slices.Concat([]check[DeadLettersFixture]{
		{"a parked event is kept to the byte", parkedToTheByte},
		{"a parked sequence is in order", parkedInOrder},
		{"what was rolled back is not parked", parkRolledBack},
		{"sequences are of one place", sequencesOfAPlace},
		{"holding tells what is parked", holdTells},
		{"a sequence ends with its last event", sequenceEnds},
		{"what is not parked can't be taken", takeNothing},
		{"a sequence is taken in pieces", takeInPieces},
		{"a failure is noted, the first one stays", failureNoted},
		{"parking and replaying neither lose nor double nor reorder", parkAndReplay},
	}, deskChecks())
}

var parkedAt = time.Date(2026, 2, 3, 4, 5, 6, 7000, time.UTC)

func parkedKey(id string) deadletter.Key {
	return deadletter.Key{
		Place:         deadletter.Place{Projection: "list", Version: 2, Topic: topicOf, Partition: 3},
		AggregateType: "thing", AggregateID: id,
	}
}

// parked is an event that failed, with bytes that are hard to keep.
func parked(id string, offset int64) deadletter.Event {
	return deadletter.Event{
		Key: parkedKey(id), Offset: offset, RecordKey: []byte("\xff\x00key"), Payload: []byte(fmt.Sprintf(`{"n":  %d}`, offset)),
		Headers: []relaying.Header{{Name: "event-type", Value: "thing.changed"}, {Name: "raw", Value: "\x00\xfe"}, {Name: "raw", Value: ""}},
		EventID: uuid.New(), Type: "thing.changed", ParkedAt: parkedAt, FirstFailed: parkedAt, Attempts: 4,
		Failure: deadletter.Failure{Reason: deadletter.Panicked, Error: "panic: \"no\"", Stack: "goroutine 1\n\tmain.go", At: parkedAt.Add(time.Second)},
	}
}

func park(ctx context.Context, f DeadLettersFixture, events ...deadletter.Event) error {
	return unit(ctx, f.Store, func(tx eventlog.Tx) error {
		var keys []deadletter.Key
		for i := range events {
			keys = append(keys, events[i].Key)
		}
		if _, err := f.Letters.Hold(ctx, tx, keys); err != nil {
			return err
		}
		return f.Letters.Park(ctx, tx, events)
	})
}

// parkedNow compares what is parked, ids aside, but these rise.
func parkedNow(ctx context.Context, f DeadLettersFixture, want ...deadletter.Event) error {
	got, err := f.Letters.Events(ctx, deadletter.Filter{}, 0, 1000)
	if err != nil {
		return err
	}
	for i := 1; i < len(got); i++ {
		if got[i-1].ID >= got[i].ID {
			return fmt.Errorf("id %d follows %d", got[i].ID, got[i-1].ID)
		}
	}
	if diff := gocmp.Diff(want, got, cmpopts.IgnoreFields(deadletter.Event{}, "ID"), cmpopts.EquateEmpty()); diff != "" {
		return fmt.Errorf("parked events (-want +got):\n%s", diff)
	}
	for i := range want {
		if (want[i].Payload == nil) != (got[i].Payload == nil) || (want[i].Edited == nil) != (got[i].Edited == nil) {
			return fmt.Errorf("event at %d: no value and an empty one are taken for the same", got[i].Offset)
		}
	}
	return nil
}

func parkedToTheByte(ctx context.Context, f DeadLettersFixture) error {
	all := []deadletter.Event{parked("a", 1), parked("b", 2), parked("c", 3), parked("d", 4), parked("e", 5)}
	all[1].Payload, all[1].RecordKey = []byte("\x00\x01\xff not JSON"), []byte{}
	all[2].Payload, all[2].RecordKey, all[2].Headers = nil, nil, nil
	all[3].Payload = []byte{}
	all[3].Failure, all[3].FirstFailed, all[3].Attempts = deadletter.Failure{Reason: deadletter.Behind, Error: "behind"}, time.Time{}, 0
	all[4].EventID, all[4].Type, all[4].Key.AggregateType, all[4].Key.AggregateID = uuid.Nil, "", "", "it's \"\\ 1,{}"
	if err := park(ctx, f, all...); err != nil {
		return err
	}
	return parkedNow(ctx, f, all...)
}

func parkedInOrder(ctx context.Context, f DeadLettersFixture) error {
	first := []deadletter.Event{parked("b", 1), parked("a", 2), parked("b", 3)}
	second := []deadletter.Event{parked("a", 4), parked("b", 5)}
	if err := errors.Join(park(ctx, f, first...), park(ctx, f, second...)); err != nil {
		return err
	}
	return parkedNow(ctx, f, append(first, second...)...)
}

func parkRolledBack(ctx context.Context, f DeadLettersFixture) error {
	err := rollingBack(ctx, f.Store, func(tx eventlog.Tx) error {
		return f.Letters.Park(ctx, tx, []deadletter.Event{parked("a", 1)})
	})
	if err != nil {
		return err
	}
	keys, err := f.Letters.Sequences(ctx, parkedKey("a").Place)
	if err != nil || len(keys) > 0 {
		return fmt.Errorf("sequences %v, %w, want none", keys, err)
	}
	return parkedNow(ctx, f)
}

func sequencesOfAPlace(ctx context.Context, f DeadLettersFixture) error {
	all := []deadletter.Event{parked("a", 1), parked("a", 1), parked("a", 1), parked("a", 1), parked("a", 1)}
	all[1].Key.Projection = "other"
	all[2].Key.Version = 1
	all[3].Key.Topic = "other.topic"
	all[4].Key.Partition = 4
	if err := park(ctx, f, all...); err != nil {
		return err
	}
	for i := range all {
		keys, err := f.Letters.Sequences(ctx, all[i].Key.Place)
		if err != nil || !slices.Equal(keys, []deadletter.Key{all[i].Key}) {
			return fmt.Errorf("sequences at %+v: %+v, %w", all[i].Key.Place, keys, err)
		}
	}
	return nil
}

func holdTells(ctx context.Context, f DeadLettersFixture) error {
	if err := park(ctx, f, parked("b", 1), parked("a", 2)); err != nil {
		return err
	}
	return rollingBack(ctx, f.Store, func(tx eventlog.Tx) error {
		there, err := f.Letters.Hold(ctx, tx, []deadletter.Key{parkedKey("c"), parkedKey("b"), parkedKey("a")})
		slices.SortFunc(there, deadletter.Key.Compare)
		if err != nil || !slices.Equal(there, []deadletter.Key{parkedKey("a"), parkedKey("b")}) {
			return fmt.Errorf("held %v, %w, want a and b", there, err)
		}
		return nil
	})
}

func sequenceEnds(ctx context.Context, f DeadLettersFixture) error {
	if err := park(ctx, f, parked("a", 1), parked("a", 2)); err != nil {
		return err
	}
	k := parkedKey("a")
	for _, left := range []int{1, 0} {
		err := unit(ctx, f.Store, func(tx eventlog.Tx) error {
			taken, err := f.Letters.Take(ctx, tx, k, 0, 1)
			if err != nil {
				return err
			}
			return f.Letters.Done(ctx, tx, k, []int64{taken[0].ID}, deadletter.Decision{By: "anna"})
		})
		if err != nil {
			return err
		}
		keys, err := f.Letters.Sequences(ctx, k.Place)
		if err != nil || len(keys) != left {
			return fmt.Errorf("%d sequences, %w, want %d", len(keys), err, left)
		}
	}
	return parkedNow(ctx, f)
}

func takeNothing(ctx context.Context, f DeadLettersFixture) error {
	return rollingBack(ctx, f.Store, func(tx eventlog.Tx) error {
		_, err := f.Letters.Take(ctx, tx, parkedKey("a"), 0, 10)
		return wantError(err, deadletter.ErrNotParked)
	})
}

func takeInPieces(ctx context.Context, f DeadLettersFixture) error {
	if err := park(ctx, f, parked("a", 1), parked("b", 2), parked("a", 3), parked("a", 4)); err != nil {
		return err
	}
	return rollingBack(ctx, f.Store, func(tx eventlog.Tx) error {
		var offsets []int64
		after := int64(0)
		for range 3 {
			taken, err := f.Letters.Take(ctx, tx, parkedKey("a"), after, 2)
			if err != nil {
				return err
			}
			for i := range taken {
				offsets, after = append(offsets, taken[i].Offset), taken[i].ID
			}
		}
		if !slices.Equal(offsets, []int64{1, 3, 4}) {
			return fmt.Errorf("took offsets %v, want 1, 3, 4", offsets)
		}
		return nil
	})
}

func failureNoted(ctx context.Context, f DeadLettersFixture) error {
	failed, behind := parked("a", 1), parked("a", 2)
	behind.Failure, behind.FirstFailed, behind.Attempts = deadletter.Failure{Reason: deadletter.Behind}, time.Time{}, 0
	if err := park(ctx, f, failed, behind); err != nil {
		return err
	}
	found, err := f.Letters.Events(ctx, deadletter.Filter{}, 0, 10)
	if err != nil {
		return err
	}
	again := deadletter.Failure{Reason: deadletter.Refused, Error: "no again", At: parkedAt.Add(time.Hour)}
	for i := range found {
		if err := f.Letters.Failed(ctx, found[i].ID, again); err != nil {
			return err
		}
	}
	if err := f.Letters.Failed(ctx, 1<<40, again); err != nil {
		return fmt.Errorf("failure of an event that isn't parked: %w", err)
	}
	failed.Failure, failed.Attempts = again, 5
	behind.Failure, behind.Attempts, behind.FirstFailed = again, 1, again.At
	return parkedNow(ctx, f, failed, behind)
}
