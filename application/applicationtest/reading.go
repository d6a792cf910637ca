package applicationtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/reading"
	"github.com/tenon-go/tenon/domain"
)

// ReadingFixture is an empty log with projections' checkpoints and dead letters, and what tells how far they are.
type ReadingFixture struct {
	Progress    reading.Progress
	Store       eventlog.Store
	Checkpoints projection.Checkpoints
	Letters     interface {
		deadletter.Parking
		deadletter.Finder
		deadletter.Desk
	}
}

// Reading tests the contract of package reading.
func Reading(t *testing.T, fixture func(t testing.TB) ReadingFixture) {
	t.Helper()
	runChecks(t, fixture, []check[ReadingFixture]{
		{"what is needed is the last event that the projection gets", readingNeeds},
		{"what was applied is told by projection, version and aggregate", readingApplied},
		{"what is parked is told by projection, version and aggregate", readingParked},
		{"what was discarded is not needed", readingDiscarded},
		{"nothing uncommitted counts", readingUncommitted},
	})
}

// readingList is a projection of things.
func readingList(types ...string) *projection.Projection {
	return &projection.Projection{Name: "list", Version: 2, Topics: []string{topicOf}, Types: types}
}

func readingHappened(id string, v domain.Version, topic, kind string) eventlog.Record {
	return eventlog.Record{
		ID: uuid.New(), Topic: topic, AggregateType: "thing", AggregateID: id, Version: v, Type: kind, SchemaVersion: 1,
		Payload: []byte("{}"), RecordedAt: parkedAt,
	}
}

func (f ReadingFixture) do(ctx context.Context, work func(tx eventlog.Tx) error) error {
	tx, err := f.Store.Begin(ctx)
	if err != nil {
		return err
	}
	if err := work(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit(ctx)
}

// expect asks for things at versions and compares: no version of the projection serves, so that it is about the one asked for.
func (f ReadingFixture) expect(ctx context.Context, p *projection.Projection, heads []eventlog.Head, want ...reading.Outstanding) error {
	got, err := f.Progress.Outstanding(ctx, p, heads)
	for i := range want {
		want[i].Version = p.Version
	}
	if err == nil && !slices.Equal(got, want) {
		err = fmt.Errorf("of %v projection %s version %d has %+v, want %+v", heads, p.Name, p.Version, got, want)
	}
	return err
}

func thingAt(id string, v domain.Version) eventlog.Head {
	return eventlog.Head{Type: "thing", ID: id, Version: v}
}

func readingNeeds(ctx context.Context, f ReadingFixture) error {
	err := f.do(ctx, func(tx eventlog.Tx) error {
		return tx.Append(ctx, []eventlog.Record{
			readingHappened("a", 1, topicOf, "made"), readingHappened("a", 2, topicOf, "moved"), readingHappened("b", 1, topicOf, "made"),
			readingHappened("a", 3, topicOf, "kept"), readingHappened("a", 4, "elsewhere", "kept"), readingHappened("a", 5, topicOf, "moved"),
		})
	})
	if err != nil {
		return err
	}
	heads := []eventlog.Head{
		thingAt("a", 5), thingAt("a", 2), thingAt("a", 1<<40), thingAt("b", 1), thingAt("c", 1), {Type: "other", ID: "a", Version: 1},
	}
	needed := func(versions ...domain.Version) []reading.Outstanding {
		all := make([]reading.Outstanding, len(versions))
		for i, v := range versions {
			all[i].Needed = v
		}
		return all
	}
	return errors.Join(
		f.expect(ctx, readingList("made", "kept"), heads, needed(3, 1, 3, 1, 0, 0)...),
		f.expect(ctx, readingList("moved"), heads, needed(5, 2, 5, 0, 0, 0)...),
		f.expect(ctx, readingList("made"), nil),
	)
}

func readingApplied(ctx context.Context, f ReadingFixture) error {
	list := readingList("made")
	err := f.do(ctx, func(tx eventlog.Tx) error {
		_, err := f.Checkpoints.Fresh(ctx, tx, list.Name, list.Version, []projection.Event{
			{Record: readingHappened("a", 1, topicOf, "made")}, {Record: readingHappened("a", 3, topicOf, "made")},
		})
		return err
	})
	if err != nil {
		return err
	}
	older, other := *list, *list
	older.Version, other.Name = 1, "other"
	return errors.Join(
		f.expect(ctx, list, []eventlog.Head{thingAt("b", 9), thingAt("a", 9)}, reading.Outstanding{}, reading.Outstanding{Applied: 3}),
		f.expect(ctx, list, []eventlog.Head{{Type: "other", ID: "a", Version: 9}}, reading.Outstanding{}),
		f.expect(ctx, &older, []eventlog.Head{thingAt("a", 9)}, reading.Outstanding{}),
		f.expect(ctx, &other, []eventlog.Head{thingAt("a", 9)}, reading.Outstanding{}),
	)
}

// readingPark parks an event, whose place is version 2 of list on any partition.
func readingPark(ctx context.Context, f ReadingFixture, r eventlog.Record) error {
	return f.do(ctx, func(tx eventlog.Tx) error {
		return f.Letters.Park(ctx, tx, []deadletter.Event{{
			Key: parkedKey(r.AggregateID), EventID: r.ID, Type: r.Type, Payload: r.Payload, ParkedAt: parkedAt,
			Failure: deadletter.Failure{Reason: deadletter.Refused, Error: "no", At: parkedAt}, FirstFailed: parkedAt, Attempts: 1,
		}})
	})
}

func readingParked(ctx context.Context, f ReadingFixture) error {
	if err := readingPark(ctx, f, readingHappened("a", 1, topicOf, "made")); err != nil {
		return err
	}
	list := readingList("made")
	older, other := *list, *list
	older.Version, other.Name = 1, "other"
	return errors.Join(
		f.expect(ctx, list, []eventlog.Head{thingAt("b", 1), thingAt("a", 1)}, reading.Outstanding{}, reading.Outstanding{Parked: true}),
		f.expect(ctx, &older, []eventlog.Head{thingAt("a", 1)}, reading.Outstanding{}),
		f.expect(ctx, &other, []eventlog.Head{thingAt("a", 1)}, reading.Outstanding{}),
	)
}

func readingDiscarded(ctx context.Context, f ReadingFixture) error {
	first, second := readingHappened("a", 1, topicOf, "made"), readingHappened("a", 2, topicOf, "made")
	err := f.do(ctx, func(tx eventlog.Tx) error { return tx.Append(ctx, []eventlog.Record{first, second}) })
	if err == nil {
		err = readingPark(ctx, f, second)
	}
	if err != nil {
		return err
	}
	found, err := f.Letters.Events(ctx, deadletter.Filter{}, 0, 2)
	if err != nil || len(found) != 1 {
		return fmt.Errorf("%d events are parked, want 1: %w", len(found), err)
	}
	if err := f.Letters.Discard(ctx, found[0].ID, deadletter.Decision{By: "somebody", Why: "a test"}); err != nil {
		return err
	}
	list, older, other := readingList("made"), readingList("made"), readingList("made")
	older.Version, other.Name = 1, "other"
	return errors.Join(
		f.expect(ctx, list, []eventlog.Head{thingAt("a", 2)}, reading.Outstanding{Needed: 1}),
		f.expect(ctx, older, []eventlog.Head{thingAt("a", 2)}, reading.Outstanding{Needed: 2}),
		f.expect(ctx, other, []eventlog.Head{thingAt("a", 2)}, reading.Outstanding{Needed: 2}),
	)
}

func readingUncommitted(ctx context.Context, f ReadingFixture) error {
	list := readingList("made")
	tx, err := f.Store.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // nothing of it is to stay
	r := readingHappened("a", 1, topicOf, "made")
	if _, err := f.Checkpoints.Fresh(ctx, tx, list.Name, list.Version, []projection.Event{{Record: r}}); err != nil {
		return err
	}
	if err := tx.Append(ctx, []eventlog.Record{r}); err != nil {
		return err
	}
	return f.expect(ctx, list, []eventlog.Head{thingAt("a", 1)}, reading.Outstanding{})
}
