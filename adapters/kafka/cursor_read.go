package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/relaying"
)

// firstLook is how many offsets before the end are read first. A batch takes two or three, so that it is there nearly
// always, however much isn't compacted yet.
const firstLook = 256

// cursorReader reads what is committed in one partition of the cursor topic.
type cursorReader struct {
	cl        *kgo.Client
	topic     string
	partition int32
	log       uuid.UUID
	lane      int
	undecided func(context.Context) error // called once when there is something undecided; nil: nothing to do then

	id         [16]byte // of the topic
	leader     int32
	start, end int64
}

// settle notes how far the partition goes and waits until nothing before that is undecided. What the lane's former owners
// began has been decided already, but its marks may not be in the partition yet.
func (r *cursorReader) settle(ctx context.Context) error {
	adm := kadm.NewClient(r.cl)
	detail, err := (&Admin{cl: r.cl}).await(ctx, r.topic, r.partition)
	if err != nil {
		return err
	}
	r.id, r.leader = detail.ID, detail.Partitions[r.partition].Leader
	if r.end, err = r.offset(ctx, adm.ListEndOffsets); err != nil {
		return err
	}
	if r.start, err = r.offset(ctx, adm.ListStartOffsets); err != nil {
		return err
	}
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		stable, err := r.offset(ctx, adm.ListCommittedOffsets)
		if err != nil || stable >= r.end {
			return err
		}
		if undecided := r.undecided; undecided != nil {
			r.undecided = nil
			if err := undecided(ctx); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("partition %d of topic %s: a transaction of somebody else has been open since offset %d: %w",
				r.partition, r.topic, stable, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// offset asks until the partition's leader knows that it is: the others learn of a new topic before it does.
func (r *cursorReader) offset(ctx context.Context, list func(context.Context, ...string) (kadm.ListedOffsets, error)) (int64, error) {
	for n := 1; ; n++ {
		listed, err := list(ctx, r.topic)
		o, ok := listed.Lookup(r.topic, r.partition)
		switch {
		case err != nil:
		case !ok:
			err = errors.New("the broker left it out")
		default:
			err = o.Err
		}
		if err == nil {
			return o.Offset, nil
		}
		passing := errors.Is(err, kerr.NotLeaderForPartition) || errors.Is(err, kerr.UnknownTopicOrPartition)
		if !passing || !pause(ctx, n) {
			return 0, fmt.Errorf("ask for offsets of partition %d of topic %s: %w", r.partition, r.topic, err)
		}
	}
}

// state returns the newest progress and what is parked. The progress says how many keys are parked, so that the whole
// partition is read only when there are some.
func (r *cursorReader) state(ctx context.Context) (relaying.State, error) {
	newest, err := r.newest(ctx)
	if newest == nil || err != nil {
		return relaying.State{}, err
	}
	p, parked, err := decodeProgress(newest, r.log, r.lane)
	if err != nil || parked == 0 {
		return relaying.State{Progress: p}, err
	}
	state := relaying.State{Progress: p}
	if state.Parked, err = r.parked(ctx); err != nil {
		return relaying.State{}, err
	}
	if len(state.Parked) != parked {
		return relaying.State{}, fmt.Errorf("%w: partition %d of topic %s holds %d parked keys of log %s, and its progress speaks of %d: records were deleted",
			errCursorRecord, r.partition, r.topic, len(state.Parked), r.log, parked)
	}
	return state, nil
}

// newest returns the last progress of the log, nil if there is none, reading backwards in growing steps.
func (r *cursorReader) newest(ctx context.Context) (*kgo.Record, error) {
	key := progressKey(cursorPrefix(r.log, r.lane))
	to := r.end
	for step := int64(firstLook); to > r.start; step *= 16 {
		from := max(r.start, to-step)
		var last *kgo.Record
		err := r.scan(ctx, from, to, func(record *kgo.Record) error {
			if string(record.Key) == key {
				last = record
			}
			return nil
		})
		if last != nil || err != nil {
			return last, err
		}
		to = from
	}
	return nil, nil
}

func (r *cursorReader) parked(ctx context.Context) ([]relaying.Parked, error) {
	prefix := cursorPrefix(r.log, r.lane)
	all := make(map[relaying.Key]relaying.Parked)
	err := r.scan(ctx, r.start, r.end, func(record *kgo.Record) error {
		k, ok := parkedKeyOf(prefix, string(record.Key))
		switch {
		case !ok:
			return nil
		case record.Value == nil:
			delete(all, k)
			return nil
		}
		p, err := decodeParked(record, k)
		all[k] = p
		return err
	})
	list := make([]relaying.Parked, 0, len(all))
	for _, p := range all {
		list = append(list, p)
	}
	return list, err
}

// scan hands over the committed records with offsets in [from, to).
func (r *cursorReader) scan(ctx context.Context, from, to int64, each func(*kgo.Record) error) error {
	for from < to {
		fetched, next, err := r.fetch(ctx, from)
		if errors.Is(err, errNoProgress) && rest(ctx) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read partition %d of topic %s at offset %d: %w", r.partition, r.topic, from, err)
		}
		for _, record := range fetched.Records {
			if record.Offset >= to || record.Attrs.IsControl() {
				continue
			}
			if err := each(record); err != nil {
				return err
			}
		}
		from = next
	}
	return nil
}

// rest waits a little before the broker is asked again; false when ctx ended.
func rest(ctx context.Context) bool {
	timer := time.NewTimer(emptyPause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

const emptyPause = 20 * time.Millisecond

var errNoProgress = fmt.Errorf("%w: the broker returned nothing", eventlog.ErrUnavailable)
