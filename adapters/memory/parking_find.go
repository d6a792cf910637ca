package memory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/tenon-go/tenon/application/deadletter"
)

// Events returns the events that the filter lets through.
func (d *DeadLetters) Events(ctx context.Context, f deadletter.Filter, after int64, most int) ([]deadletter.Event, error) {
	rows, err := d.sequences.Rows(ctx)
	if err != nil {
		return nil, fmt.Errorf("parked events: %w", err)
	}
	var found []deadletter.Event
	for _, events := range rows {
		for i := range events {
			if e := &events[i]; e.ID > after && passes(f, e) {
				found = append(found, cloneParked(e))
			}
		}
	}
	slices.SortFunc(found, byAge)
	return found[:min(most, len(found))], nil
}

// Keys returns the sequences that hold such events.
func (d *DeadLetters) Keys(ctx context.Context, f deadletter.Filter) ([]deadletter.Key, error) {
	rows, err := d.sequences.Rows(ctx)
	if err != nil {
		return nil, fmt.Errorf("parked sequences: %w", err)
	}
	var firsts []deadletter.Event
	for _, events := range rows {
		if slices.ContainsFunc(events, func(e deadletter.Event) bool { return passes(f, &e) }) {
			firsts = append(firsts, events[0])
		}
	}
	slices.SortFunc(firsts, byAge)
	var keys []deadletter.Key
	for i := range firsts {
		keys = append(keys, firsts[i].Key)
	}
	return keys, nil
}

// Counts returns how much is parked.
func (d *DeadLetters) Counts(ctx context.Context) ([]deadletter.Count, error) {
	rows, err := d.sequences.Rows(ctx)
	if err != nil {
		return nil, fmt.Errorf("count parked events: %w", err)
	}
	type version struct {
		name   string
		number int
	}
	counts := make(map[version]deadletter.Count)
	for _, events := range rows {
		first := &events[0]
		v := version{first.Key.Projection, first.Key.Version}
		c, known := counts[v]
		if !known || first.ParkedAt.Before(c.Oldest) {
			c.Oldest = first.ParkedAt
		}
		c.Projection, c.Version, c.Sequences, c.Events = v.name, v.number, c.Sequences+1, c.Events+len(events)
		counts[v] = c
	}
	return slices.SortedFunc(maps.Values(counts), func(a, b deadletter.Count) int {
		return cmp.Or(cmp.Compare(a.Projection, b.Projection), cmp.Compare(a.Version, b.Version))
	}), nil
}

func passes(f deadletter.Filter, e *deadletter.Event) bool {
	fits := func(want, is string) bool { return want == "" || want == is }
	return (f.IDs == nil || slices.Contains(f.IDs, e.ID)) && (f.Version == 0 || f.Version == e.Key.Version) &&
		fits(f.Projection, e.Key.Projection) && fits(f.Topic, e.Key.Topic) && fits(f.AggregateType, e.Key.AggregateType) &&
		fits(f.AggregateID, e.Key.AggregateID) && fits(f.Type, e.Type) && fits(string(f.Reason), string(e.Reason))
}
