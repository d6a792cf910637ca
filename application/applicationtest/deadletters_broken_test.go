package applicationtest_test

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/tenon-go/tenon/adapters/memory"
	"github.com/tenon-go/tenon/application/applicationtest"
	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
)

// brokenLetters are correct dead letters of which some functions are replaced.
type brokenLetters struct {
	*memory.DeadLetters
	log     *memory.Log
	park    func(ctx context.Context, l brokenLetters, tx eventlog.Tx, events []deadletter.Event) error
	hold    func(ctx context.Context, l brokenLetters, tx eventlog.Tx, keys []deadletter.Key) ([]deadletter.Key, error)
	take    func(ctx context.Context, l brokenLetters, tx eventlog.Tx, k deadletter.Key, after int64, most int) ([]deadletter.Event, error)
	failed  func(ctx context.Context, l brokenLetters, id int64, f deadletter.Failure) error
	edit    func(ctx context.Context, l brokenLetters, id int64, payload []byte, d deadletter.Decision) error
	discard func(ctx context.Context, l brokenLetters, id int64, d deadletter.Decision) error
	events  func(ctx context.Context, l brokenLetters, f deadletter.Filter, after int64, most int) ([]deadletter.Event, error)
	counts  func(ctx context.Context, l brokenLetters) ([]deadletter.Count, error)
	actions func(ctx context.Context, l brokenLetters, most int) ([]deadletter.Action, error)
}

func (l brokenLetters) Park(ctx context.Context, tx eventlog.Tx, events []deadletter.Event) error {
	if l.park != nil {
		return l.park(ctx, l, tx, events)
	}
	return l.DeadLetters.Park(ctx, tx, events)
}

func (l brokenLetters) Hold(ctx context.Context, tx eventlog.Tx, keys []deadletter.Key) ([]deadletter.Key, error) {
	if l.hold != nil {
		return l.hold(ctx, l, tx, keys)
	}
	return l.DeadLetters.Hold(ctx, tx, keys)
}

func (l brokenLetters) Take(ctx context.Context, tx eventlog.Tx, k deadletter.Key, after int64, most int) ([]deadletter.Event, error) {
	if l.take != nil {
		return l.take(ctx, l, tx, k, after, most)
	}
	return l.DeadLetters.Take(ctx, tx, k, after, most)
}

func (l brokenLetters) Failed(ctx context.Context, id int64, f deadletter.Failure) error {
	if l.failed != nil {
		return l.failed(ctx, l, id, f)
	}
	return l.DeadLetters.Failed(ctx, id, f)
}

func (l brokenLetters) Edit(ctx context.Context, id int64, payload []byte, d deadletter.Decision) error {
	if l.edit != nil {
		return l.edit(ctx, l, id, payload, d)
	}
	return l.DeadLetters.Edit(ctx, id, payload, d)
}

func (l brokenLetters) Discard(ctx context.Context, id int64, d deadletter.Decision) error {
	if l.discard != nil {
		return l.discard(ctx, l, id, d)
	}
	return l.DeadLetters.Discard(ctx, id, d)
}

func (l brokenLetters) Events(ctx context.Context, f deadletter.Filter, after int64, most int) ([]deadletter.Event, error) {
	if l.events != nil {
		return l.events(ctx, l, f, after, most)
	}
	return l.DeadLetters.Events(ctx, f, after, most)
}

func (l brokenLetters) Counts(ctx context.Context) ([]deadletter.Count, error) {
	if l.counts != nil {
		return l.counts(ctx, l)
	}
	return l.DeadLetters.Counts(ctx)
}

func (l brokenLetters) Actions(ctx context.Context, most int) ([]deadletter.Action, error) {
	if l.actions != nil {
		return l.actions(ctx, l, most)
	}
	return l.DeadLetters.Actions(ctx, most)
}

func TestDeadLettersCatches(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		broken brokenLetters
		check  string
		words  string
	}{
		"valid text only":         {brokenLetters{park: parkText}, "a parked event is kept to the byte", "parked events"},
		"no value is empty":       {brokenLetters{park: parkEmpty}, "a parked event is kept to the byte", "no value and an empty one"},
		"reversed":                {brokenLetters{park: parkReversed}, "a parked sequence is in order", "parked events"},
		"parked apart":            {brokenLetters{park: parkApart}, "what was rolled back is not parked", "want none"},
		"one version":             {brokenLetters{park: parkOneVersion}, "sequences are of one place", "sequences at"},
		"says that nothing is":    {brokenLetters{hold: holdNothing}, "holding tells what is parked", "want a and b"},
		"says that all are":       {brokenLetters{hold: holdAll}, "holding tells what is parked", "want a and b"},
		"takes from the start":    {brokenLetters{take: takeFirst}, "a sequence is taken in pieces", "took offsets"},
		"takes what isn't there":  {brokenLetters{take: takeAnything}, "what is not parked can't be taken", "nothing is parked under this"},
		"applied before parked":   {brokenLetters{hold: holdNothing}, "parking and replaying neither lose nor double nor reorder", "want each once and in order"},
		"failure forgotten":       {brokenLetters{failed: failNothing}, "a failure is noted, the first one stays", "parked events"},
		"original lost":           {brokenLetters{edit: editOriginal}, "an edited payload keeps the original", "parked events"},
		"discards all":            {brokenLetters{discard: discardAll}, "a discarded event is gone, the others stay", "parked events"},
		"decided by nobody":       {brokenLetters{discard: discardByAnybody}, "who decides is asked for", "discard by nobody was taken"},
		"actions oldest first":    {brokenLetters{actions: actionsReversed}, "a decision is recorded with what it was about", "want"},
		"filter without a reason": {brokenLetters{events: eventsOfAnyReason}, "a filter chooses by all that is set", "filter"},
		"one page":                {brokenLetters{events: eventsUnbounded}, "events are listed in pages", "page of 3"},
		"counts without versions": {brokenLetters{counts: countsMerged}, "counts are by projection and version", "counts"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := memory.NewLog()
			tt.broken.log, tt.broken.DeadLetters = log, memory.NewDeadLetters(log, time.Now)
			f := applicationtest.DeadLettersFixture{Letters: tt.broken, Store: log}
			caught(t, applicationtest.CheckDeadLetters(t, tt.check, f), tt.words)
		})
	}
}

// changed parks what how makes of each event.
func changed(how func(e *deadletter.Event)) func(context.Context, brokenLetters, eventlog.Tx, []deadletter.Event) error {
	return func(ctx context.Context, l brokenLetters, tx eventlog.Tx, events []deadletter.Event) error {
		events = slices.Clone(events)
		for i := range events {
			how(&events[i])
		}
		return l.DeadLetters.Park(ctx, tx, events)
	}
}

var (
	parkText       = changed(func(e *deadletter.Event) { e.Payload = bytes.ToValidUTF8(e.Payload, []byte("?")) })
	parkEmpty      = changed(func(e *deadletter.Event) { e.Payload = append([]byte{}, e.Payload...) })
	parkOneVersion = changed(func(e *deadletter.Event) { e.Key.Version = 2 })
)

func parkReversed(ctx context.Context, l brokenLetters, tx eventlog.Tx, events []deadletter.Event) error {
	events = slices.Clone(events)
	slices.Reverse(events)
	return l.DeadLetters.Park(ctx, tx, events)
}

func parkApart(ctx context.Context, l brokenLetters, _ eventlog.Tx, events []deadletter.Event) error {
	tx, err := l.log.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // it does nothing after Commit
	if err := l.DeadLetters.Park(ctx, tx, events); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

func holdNothing(context.Context, brokenLetters, eventlog.Tx, []deadletter.Key) ([]deadletter.Key, error) {
	return nil, nil
}

func holdAll(_ context.Context, _ brokenLetters, _ eventlog.Tx, keys []deadletter.Key) ([]deadletter.Key, error) {
	return keys, nil
}

func takeFirst(ctx context.Context, l brokenLetters, tx eventlog.Tx, k deadletter.Key, _ int64, most int) ([]deadletter.Event, error) {
	return l.DeadLetters.Take(ctx, tx, k, 0, most)
}

func takeAnything(context.Context, brokenLetters, eventlog.Tx, deadletter.Key, int64, int) ([]deadletter.Event, error) {
	return nil, nil
}

func failNothing(context.Context, brokenLetters, int64, deadletter.Failure) error { return nil }

// editOriginal puts the new payload where the old one was.
func editOriginal(ctx context.Context, l brokenLetters, id int64, payload []byte, d deadletter.Decision) error {
	found, err := l.DeadLetters.Events(ctx, deadletter.Filter{IDs: []int64{id}}, 0, 1)
	if err != nil || len(found) == 0 {
		return err
	}
	if err := l.DeadLetters.Discard(ctx, id, d); err != nil {
		return err
	}
	found[0].Payload, found[0].Edited = payload, payload
	return parkApart(ctx, l, nil, found)
}

func discardAll(ctx context.Context, l brokenLetters, _ int64, d deadletter.Decision) error {
	found, err := l.DeadLetters.Events(ctx, deadletter.Filter{}, 0, 1000)
	for i := range found {
		if err == nil {
			err = l.DeadLetters.Discard(ctx, found[i].ID, d)
		}
	}
	return err
}

func discardByAnybody(ctx context.Context, l brokenLetters, id int64, d deadletter.Decision) error {
	if d.By == "" {
		d.By = "somebody"
	}
	return l.DeadLetters.Discard(ctx, id, d)
}

func actionsReversed(ctx context.Context, l brokenLetters, most int) ([]deadletter.Action, error) {
	all, err := l.DeadLetters.Actions(ctx, most)
	slices.Reverse(all)
	return all, err
}

func eventsOfAnyReason(ctx context.Context, l brokenLetters, f deadletter.Filter, after int64, most int) ([]deadletter.Event, error) {
	f.Reason = ""
	return l.DeadLetters.Events(ctx, f, after, most)
}

func eventsUnbounded(ctx context.Context, l brokenLetters, f deadletter.Filter, after int64, _ int) ([]deadletter.Event, error) {
	return l.DeadLetters.Events(ctx, f, after, 1000)
}

// countsMerged counts all versions of a projection as its first.
func countsMerged(ctx context.Context, l brokenLetters) ([]deadletter.Count, error) {
	all, err := l.DeadLetters.Counts(ctx)
	var merged []deadletter.Count
	for _, c := range all {
		if n := len(merged); n > 0 && merged[n-1].Projection == c.Projection {
			merged[n-1].Events += c.Events
			continue
		}
		merged = append(merged, c)
	}
	return merged, err
}
