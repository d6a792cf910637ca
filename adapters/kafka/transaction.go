package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/relaying"
)

// errBatch says that the caller has mixed something up.
var errBatch = errors.New("batch isn't one of this session")

// transaction is one batch on its way. It keeps nothing of the caller's but the payloads.
type transaction struct {
	s       *session
	cl      *kgo.Client
	topics  []string
	records []*kgo.Record // the batch's
	cursor  []*kgo.Record // the lane's
	parked  map[relaying.Key]bool

	errs       []error // by record, nil for those that a broker took
	cursorErrs []error
	failed     bool // whether there is an error among them
}

// prepare turns a batch into what is sent.
func (s *session) prepare(b relaying.Batch) (*transaction, error) {
	p := b.Progress
	if p.Log != s.log || p.Lane.Number != s.lane || p.Batches < 0 {
		return nil, fmt.Errorf("%w: it is batch %d of lane %d of log %s", errBatch, p.Batches, p.Lane.Number, p.Log)
	}
	t := &transaction{
		s: s, cl: s.clients[p.Batches%int64(len(s.clients))], parked: s.parked,
		records: make([]*kgo.Record, len(b.Records)), errs: make([]error, len(b.Records)),
	}
	topics := make(map[string]bool)
	last := ""
	s.encoder.begin(len(b.Records))
	for i := range b.Records {
		t.records[i] = s.encoder.add(&b.Records[i])
		if topic := t.records[i].Topic; topic != last || i == 0 { // most are of the same
			topics[topic], last = true, topic
		}
	}
	t.topics = slices.Sorted(maps.Keys(topics))
	if err := t.note(b); err != nil {
		return nil, err
	}
	t.cursorErrs = make([]error, len(t.cursor))
	return t, nil
}

// note makes the lane's own records: the progress, and what is parked or released.
func (t *transaction) note(b relaying.Batch) error {
	prefix := cursorPrefix(t.s.log, t.s.lane)
	add := func(key string, value []byte) {
		t.cursor = append(t.cursor, &kgo.Record{
			Topic: t.s.lanes.lanes.CursorTopic, Partition: int32(t.s.lane), Key: []byte(key), Value: value, //nolint:gosec // below MaxLanes
		})
	}
	if len(b.Park)+len(b.Release) > 0 {
		t.parked = maps.Clone(t.parked)
	}
	for _, k := range b.Release {
		add(parkedKey(prefix, k), nil)
		delete(t.parked, k)
	}
	for _, p := range b.Park {
		value, err := encodeParked(p)
		if err != nil {
			return fmt.Errorf("encode a parked key: %w", err)
		}
		add(parkedKey(prefix, p.Key), value)
		t.parked[p.Key] = true
	}
	value, err := encodeProgress(b.Progress, len(t.parked))
	if err != nil {
		return fmt.Errorf("encode progress: %w", err)
	}
	add(progressKey(prefix), value)
	return nil
}

// run returns nil when a broker has said that the transaction is committed.
func (t *transaction) run(ctx context.Context) error {
	refused, err := t.s.lanes.topics.ensure(ctx, t.topics)
	if err != nil {
		return laneError(ctx, err)
	}
	if err := t.refuseUnsent(ctx, refused); err != nil {
		return err
	}
	if err := t.s.mendTopics(ctx, t.topics); err != nil {
		return laneError(ctx, err)
	}
	if err := t.cl.BeginTransaction(); err != nil {
		return laneError(ctx, fmt.Errorf("begin transaction: %w", err))
	}
	t.produce(ctx)
	if err := t.cl.Flush(ctx); err != nil { // promises may still be out: what they write can't be looked at
		return laneError(ctx, fmt.Errorf("send records: %w", err))
	}
	if err := t.verdict(ctx); err != nil {
		return err
	}
	if err := t.cl.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return laneError(ctx, fmt.Errorf("commit transaction: %w", err))
	}
	return nil
}

func (t *transaction) produce(ctx context.Context) {
	for _, r := range t.records {
		if k := t.s.lanes.topics.get(r.Topic); k != nil && k.apart.Load() {
			t.produceApart(ctx, r)
			continue
		}
		t.cl.Produce(ctx, r, t.answered)
	}
	for i, r := range t.cursor {
		t.cl.Produce(ctx, r, func(_ *kgo.Record, err error) {
			t.cursorErrs[i] = err
			t.failed = t.failed || err != nil
		})
	}
}

// answered notes what was said about a record of the batch. The client calls it for one record at a time.
func (t *transaction) answered(r *kgo.Record, err error) {
	if err == nil {
		return
	}
	t.failed = true
	if i := slices.Index(t.records, r); i >= 0 {
		t.errs[i] = err
	}
}

// produceApart waits until a broker has answered, so that the record is alone in its batch.
func (t *transaction) produceApart(ctx context.Context, r *kgo.Record) {
	if ctx.Err() != nil {
		return
	}
	answered := make(chan struct{})
	t.cl.Produce(ctx, r, func(r *kgo.Record, err error) {
		t.answered(r, err)
		close(answered)
	})
	select {
	case <-answered:
	case <-ctx.Done():
	}
}
