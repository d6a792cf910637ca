package lanes

import (
	"context"
	"fmt"
	"time"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// carryOut does what people asked for since the last orders, one request after the other. A request that a failing
// target interrupts stays open on the board and comes again.
func (t *tenure) carryOut(ctx context.Context) error {
	for _, q := range t.takeRequests() {
		t.request = q.ID
		outcome, err := t.answer(ctx, q)
		t.request = 0
		if err != nil {
			return err
		}
		calling, cancel := context.WithTimeout(context.WithoutCancel(ctx), doneLimit)
		err = t.relay.cfg.Board.Done(calling, q.ID, outcome)
		cancel()
		if err != nil {
			return fmt.Errorf("close request %d: %w", q.ID, err)
		}
		t.handled(q.ID)
		t.relay.cfg.Logger.Info("relay carried out a request", "request", q.ID, "kind", q.Kind, "aggregate_type", q.Key.AggregateType,
			"aggregate_id", q.Key.AggregateID, "by", q.By, "outcome", outcome)
	}
	return nil
}

// doneLimit bounds how long closing a request may hold up the lane.
const doneLimit = 5 * time.Second

// answer carries a request out and returns its outcome, "" for success.
func (t *tenure) answer(ctx context.Context, q relaying.Request) (string, error) {
	p, ok := t.parked[q.Key]
	switch {
	case !ok:
		return "nothing is parked under this key any more: an earlier request, or an attempt at this one whose answer was lost, has released it", nil
	case q.Kind == relaying.RequestRetry:
		return t.release(ctx, q, p, p.Position)
	case q.Kind == relaying.RequestSkip && p.Reason == underWay(q): // interrupted when the record was given up already
		return t.release(ctx, q, p, p.Position)
	case q.Kind == relaying.RequestSkip && p.Event != q.Event:
		return "the record is not the first that is parked", nil
	case q.Kind == relaying.RequestSkip:
		return t.release(ctx, q, p, p.Position+1)
	}
	return fmt.Sprintf("unknown kind of request %q", q.Kind), nil
}

// underWay is the reason for which a key is parked at a record that a request hasn't come to yet. It tells whoever carries
// the request out again that it has begun.
func underWay(q relaying.Request) string {
	return fmt.Sprintf("request %d publishes what is held back", q.ID)
}

// release publishes the key's records that are held back, from a position on, in batches, until none is left or one is
// refused, which is then the first that is parked.
func (t *tenure) release(ctx context.Context, q relaying.Request, p relaying.Parked, from int64) (string, error) {
	cfg := &t.relay.cfg
	for {
		records, err := t.withheld(ctx, p, from, cfg.BatchRecords)
		if err != nil {
			return "", err
		}
		b, again := t.upTo(p, records)
		if again == "" && len(records) > 0 {
			from = records[len(records)-1].Position + 1
			if err := t.parkRest(ctx, &b, q, p, from); err != nil {
				return "", err
			}
		}
		if len(b.Park) == 0 {
			b.Release = []relaying.Key{p.Key}
		}
		// After a refusal the lane is taken again, and the request comes again and parks at what was refused.
		if err := t.commit(ctx, b); err != nil || again != "" || len(b.Release) > 0 {
			return again, err
		}
		p = b.Park[0]
	}
}

func (t *tenure) withheld(ctx context.Context, p relaying.Parked, from int64, most int) ([]eventlog.Record, error) {
	records, err := t.relay.cfg.Log.Withheld(ctx, relaying.WithheldQuery{
		Key: p.Key, From: from, After: p.After, Passed: t.cursor, Records: most, Bytes: t.pageBytes(),
	})
	if err != nil {
		return nil, fmt.Errorf("read what is parked: %w", err)
	}
	return records, nil
}

// upTo returns the batch of the records before the first that an attempt of the request in hand found to be refused, with
// the key parked at that one, and what to say about it. What older attempts found may have changed.
func (t *tenure) upTo(p relaying.Parked, records []eventlog.Record) (b relaying.Batch, again string) {
	b = t.batch()
	for i := range records {
		r := &records[i]
		known, refused := t.refused[r.ID]
		if !refused || known.request != t.request {
			continue
		}
		attempts := 1
		if r.ID == p.Event {
			attempts = p.Attempts + 1
		}
		b.Records, b.Park = records[:i], []relaying.Parked{parkedAt(r, p.After, known.why, attempts)}
		return b, "refused again: " + known.why.Error()
	}
	b.Records = records
	return b, ""
}

// parkRest lets the key stay parked at the record that comes after those of the batch, if there is one.
func (t *tenure) parkRest(ctx context.Context, b *relaying.Batch, q relaying.Request, p relaying.Parked, from int64) error {
	next, err := t.withheld(ctx, p, from, 1)
	if err != nil || len(next) == 0 {
		return err
	}
	p.Position, p.Event, p.Topic = next[0].Position, next[0].ID, next[0].Topic
	p.Reason, p.Attempts = underWay(q), 0
	b.Park = []relaying.Parked{p}
	return nil
}
