package applicationtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
)

func deskChecks() []check[DeadLettersFixture] {
	return []check[DeadLettersFixture]{
		{"an edited payload keeps the original", editKeeps},
		{"a discarded event is gone, the others stay", discardLeaves},
		{"who decides is asked for", whoIsAsked},
		{"a decision is recorded with what it was about", decisionRecorded},
		{"a filter chooses by all that is set", filterChooses},
		{"events are listed in pages", listedInPages},
		{"counts are by projection and version", countsByVersion},
	}
}

var anna = deadletter.Decision{By: "anna", Why: "ticket 4711"}

// parkedIDs parks events and returns their ids.
func parkedIDs(ctx context.Context, f DeadLettersFixture, events ...deadletter.Event) ([]int64, error) {
	if err := park(ctx, f, events...); err != nil {
		return nil, err
	}
	return idsOf(ctx, f, deadletter.Filter{})
}

func idsOf(ctx context.Context, f DeadLettersFixture, filter deadletter.Filter) ([]int64, error) {
	found, err := f.Letters.Events(ctx, filter, 0, 1000)
	var ids []int64
	for i := range found {
		ids = append(ids, found[i].ID)
	}
	return ids, err
}

func editKeeps(ctx context.Context, f DeadLettersFixture) error {
	e := parked("a", 1)
	ids, err := parkedIDs(ctx, f, e)
	if err != nil {
		return err
	}
	for _, edited := range []string{"\xff binary", `{"n": 7}`, ""} {
		if err := f.Letters.Edit(ctx, ids[0], []byte(edited), anna); err != nil {
			return err
		}
		e.Edited = []byte(edited)
		if err := parkedNow(ctx, f, e); err != nil {
			return err
		}
	}
	return wantError(f.Letters.Edit(ctx, ids[0]+1, []byte("{}"), anna), deadletter.ErrNotParked)
}

func discardLeaves(ctx context.Context, f DeadLettersFixture) error {
	first, second := parked("a", 1), parked("a", 2)
	ids, err := parkedIDs(ctx, f, first, second)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Letters.Discard(ctx, ids[0], anna), parkedNow(ctx, f, second)); err != nil {
		return err
	}
	if err := wantError(f.Letters.Discard(ctx, ids[0], anna), deadletter.ErrNotParked); err != nil {
		return err
	}
	if err := errors.Join(f.Letters.Discard(ctx, ids[1], anna), parkedNow(ctx, f)); err != nil {
		return err
	}
	keys, err := f.Letters.Sequences(ctx, first.Key.Place)
	if err == nil && len(keys) > 0 {
		err = errors.New("the sequence is there without events")
	}
	return err
}

func whoIsAsked(ctx context.Context, f DeadLettersFixture) error {
	e := parked("a", 1)
	ids, err := parkedIDs(ctx, f, e)
	if err != nil {
		return err
	}
	nobody := deadletter.Decision{Why: "why not"}
	replay := unit(ctx, f.Store, func(tx eventlog.Tx) error { return f.Letters.Done(ctx, tx, e.Key, ids, nobody) })
	for what, err := range map[string]error{
		"edit by nobody":      f.Letters.Edit(ctx, ids[0], []byte("{}"), nobody),
		"discard by nobody":   f.Letters.Discard(ctx, ids[0], nobody),
		"replay by nobody":    replay,
		"discard for nothing": f.Letters.Discard(ctx, ids[0], deadletter.Decision{By: "anna", Why: " "}),
		"edit by a long name": f.Letters.Edit(ctx, ids[0], []byte("{}"), deadletter.Decision{By: strings.Repeat("x", 201)}),
	} {
		if err == nil {
			return errors.New(what + " was taken")
		}
	}
	return parkedNow(ctx, f, e)
}

func decisionRecorded(ctx context.Context, f DeadLettersFixture) error {
	first, second := parked("a", 1), parked("a", 2)
	ids, err := parkedIDs(ctx, f, first, second)
	if err != nil {
		return err
	}
	err = errors.Join(f.Letters.Edit(ctx, ids[0], []byte("new"), anna), f.Letters.Discard(ctx, ids[0], anna),
		unit(ctx, f.Store, func(tx eventlog.Tx) error { return f.Letters.Done(ctx, tx, second.Key, ids[1:], anna) }))
	if err != nil {
		return err
	}
	actions, err := f.Letters.Actions(ctx, 10)
	if err != nil {
		return err
	}
	var got []string
	for _, a := range actions {
		if a.Key != first.Key || a.Decision != anna || a.At.IsZero() {
			return fmt.Errorf("action %+v doesn't say about what, who or when", a)
		}
		got = append(got, fmt.Sprintf("%s %d %t %q", a.Kind, a.Offset, a.EventID == first.EventID, a.Payload))
	}
	want := []string{`replay 2 false ""`, `discard 1 true "new"`, fmt.Sprintf("edit 1 true %q", first.Payload)}
	if !slices.Equal(got, want) {
		return fmt.Errorf("actions %q, want %q", got, want)
	}
	newest, err := f.Letters.Actions(ctx, 1)
	if err != nil || len(newest) != 1 || newest[0].Kind != deadletter.Replayed {
		return fmt.Errorf("newest action %+v, %w", newest, err)
	}
	return nil
}

func filterChooses(ctx context.Context, f DeadLettersFixture) error {
	e := []deadletter.Event{parked("a", 1), parked("b", 2), parked("b", 3)}
	e[1].Key.Projection, e[1].Key.Topic, e[1].Key.AggregateType = "other", "other.topic", "gadget"
	e[2].Key.Version, e[2].Type, e[2].Reason = 1, "thing.closed", deadletter.TimedOut
	ids, err := parkedIDs(ctx, f, e...)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		filter deadletter.Filter
		want   []int64
	}{
		{deadletter.Filter{}, ids},
		{deadletter.Filter{IDs: []int64{ids[2], ids[0]}}, []int64{ids[0], ids[2]}},
		{deadletter.Filter{Projection: "list"}, []int64{ids[0], ids[2]}},
		{deadletter.Filter{Version: 2}, ids[:2]},
		{deadletter.Filter{Topic: "other.topic"}, ids[1:2]},
		{deadletter.Filter{AggregateType: "gadget"}, ids[1:2]},
		{deadletter.Filter{AggregateID: "b"}, ids[1:]},
		{deadletter.Filter{Type: "thing.closed"}, ids[2:]},
		{deadletter.Filter{Reason: deadletter.TimedOut}, ids[2:]},
		{deadletter.Filter{Projection: "list", AggregateID: "b", Version: 2}, nil},
	} {
		got, err := idsOf(ctx, f, c.filter)
		if err != nil || !slices.Equal(got, c.want) {
			return fmt.Errorf("filter %+v: %v, %w, want %v", c.filter, got, err, c.want)
		}
		keys, err := f.Letters.Keys(ctx, c.filter)
		if err != nil || len(keys) != len(c.want) {
			return fmt.Errorf("filter %+v: sequences %v, %w, want %d", c.filter, keys, err, len(c.want))
		}
		for i, k := range keys {
			if !slices.ContainsFunc(e, func(e deadletter.Event) bool { return e.Key == k }) || i > 0 && keys[i-1] == k {
				return fmt.Errorf("filter %+v: sequence %+v", c.filter, k)
			}
		}
	}
	return nil
}

func listedInPages(ctx context.Context, f DeadLettersFixture) error {
	ids, err := parkedIDs(ctx, f, parked("a", 1), parked("b", 2), parked("a", 3))
	if err != nil {
		return err
	}
	var listed []int64
	for after := int64(0); ; {
		page, err := f.Letters.Events(ctx, deadletter.Filter{}, after, 2)
		if err != nil || len(page) > 2 {
			return fmt.Errorf("page of %d, %w", len(page), err)
		}
		if len(page) == 0 {
			break
		}
		for i := range page {
			listed, after = append(listed, page[i].ID), page[i].ID
		}
	}
	if !slices.Equal(listed, ids) {
		return fmt.Errorf("listed %v, want %v", listed, ids)
	}
	return nil
}

func countsByVersion(ctx context.Context, f DeadLettersFixture) error {
	e := []deadletter.Event{parked("a", 1), parked("a", 2), parked("b", 3), parked("a", 4), parked("a", 5)}
	e[3].Key.Version, e[4].Key.Projection = 1, "another"
	e[0].ParkedAt = parkedAt.Add(-time.Hour)
	for i := range e {
		if err := park(ctx, f, e[i]); err != nil {
			return err
		}
	}
	got, err := f.Letters.Counts(ctx)
	want := []deadletter.Count{
		{Projection: "another", Version: 2, Sequences: 1, Events: 1, Oldest: parkedAt},
		{Projection: "list", Version: 1, Sequences: 1, Events: 1, Oldest: parkedAt},
		{Projection: "list", Version: 2, Sequences: 2, Events: 3, Oldest: e[0].ParkedAt},
	}
	if err != nil || !slices.Equal(got, want) {
		return fmt.Errorf("counts %+v, %w, want %+v", got, err, want)
	}
	return nil
}
