package lanes

import (
	"errors"
	"time"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// refusal is what is known against a record.
type refusal struct {
	key     relaying.Key
	why     error
	request int64 // whose attempt it was; 0: the relay's own
}

func keyOf(r *eventlog.Record) relaying.Key {
	return relaying.Key{AggregateType: r.AggregateType, AggregateID: r.AggregateID}
}

// sort returns the batch of a page: records of parked keys are left out, those known to be refused park their keys. It
// reuses the page's slice.
func (t *tenure) sort(records []eventlog.Record) relaying.Batch {
	if len(t.parked) == 0 && len(t.refused) == 0 {
		return relaying.Batch{Records: records}
	}
	var b relaying.Batch
	parking := make(map[relaying.Key]bool)
	b.Records = records[:0]
	for i := range records {
		r := records[i] // b.Records overwrites what lies behind
		k := keyOf(&r)
		if parking[k] || t.holdsBack(k, &r) {
			continue
		}
		known, refused := t.refused[r.ID]
		if !refused {
			b.Records = append(b.Records, r)
			continue
		}
		parking[k] = true
		after := t.cursor
		if before, ok := t.parked[k]; ok {
			after = before.After // the records behind that one are still held back
		}
		b.Park = append(b.Park, parkedAt(&r, after, known.why, 1))
		t.relay.cfg.Logger.Warn("relay parks a key: its records wait until somebody retries or skips", "lane", t.lane.Number,
			"aggregate_type", k.AggregateType, "aggregate_id", k.AggregateID, "event_id", r.ID, "topic", r.Topic, "error", known.why)
	}
	return b
}

// holdsBack reports whether a record waits for one that is parked. Messages that were committed late may come before it in
// the log's order: they wait for nothing, and nobody would look for them from the parked one's position on.
func (t *tenure) holdsBack(k relaying.Key, r *eventlog.Record) bool {
	p, ok := t.parked[k]
	return ok && r.Position >= p.Position
}

func parkedAt(r *eventlog.Record, after eventlog.Cursor, why error, attempts int) relaying.Parked {
	return relaying.Parked{
		Key: keyOf(r), Position: r.Position, Event: r.ID, Topic: r.Topic, Reason: why.Error(),
		Since: time.Now().UTC().Truncate(time.Millisecond), Attempts: attempts, After: after,
	}
}

// learn remembers which records of a failed batch are refused for good, or that the batch may have been too large.
func (t *tenure) learn(b relaying.Batch, err error) error {
	var refused *relaying.RefusedError
	if !errors.As(err, &refused) {
		t.narrow()
		return err
	}
	for _, r := range refused.Refusals {
		record := &b.Records[r.Index]
		t.refused[record.ID] = refusal{keyOf(record), r.Err, t.request}
	}
	return err
}

// forget drops what is known against records of a key that is parked now: they are tried again when it is released.
func (t *tenure) forget(k relaying.Key) {
	for id, r := range t.refused {
		if r.key == k {
			delete(t.refused, id)
		}
	}
}
