package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tenon-go/tenon/application/projection"
)

// fewBehind is up to how many offsets are read to be told apart: those of transactions' ends are no records.
const fewBehind = 1000

// Behind returns how many records are still to be read from the offsets next, in all partitions of the topics. Where that may be
// few the offsets are read, so that who has read everything is 0 behind; elsewhere the ends of transactions count, too.
func (a *Admin) Behind(ctx context.Context, cfg Config, next map[projection.Partition]int64, topics ...string) (int64, error) {
	ends, err := a.Ends(ctx, topics...)
	if err != nil {
		return 0, err
	}
	var all int64
	few := make(map[projection.Partition]span)
	for p, end := range ends {
		switch n := end - next[p]; {
		case n <= 0:
		case n > fewBehind:
			all += n
		default:
			few[p] = span{next[p], end}
		}
	}
	err = a.visit(ctx, cfg, topics, few, func(projection.Partition, int64) { all++ })
	return all, err
}

// RecordEnds returns the offsets behind the last committed record of each partition: as [Admin.Ends], where the end of a
// transaction is an offset of its own. Where the last 1000 offsets hold no record it returns what Ends does.
func (a *Admin) RecordEnds(ctx context.Context, cfg Config, topics ...string) (map[projection.Partition]int64, error) {
	ends, err := a.Ends(ctx, topics...)
	if err != nil {
		return nil, err
	}
	tails := make(map[projection.Partition]span)
	for p, end := range ends {
		tails[p] = span{max(end-fewBehind, 0), end}
	}
	err = a.visit(ctx, cfg, topics, tails, func(p projection.Partition, offset int64) { ends[p] = offset + 1 })
	return ends, err
}

// span is a run of offsets of a partition, without the last.
type span struct{ from, to int64 }

// visit calls found with the committed records of spans of the topics, those of a partition in order.
func (a *Admin) visit(
	ctx context.Context, cfg Config, topics []string, spans map[projection.Partition]span, found func(projection.Partition, int64),
) error {
	if len(spans) == 0 {
		return nil
	}
	starts, err := kadm.NewClient(a.cl).ListStartOffsets(ctx, topics...)
	if err != nil {
		return fmt.Errorf("ask for the beginnings of topics: %w", unavailable(ctx, err))
	}
	from, left := reading(spans, starts)
	if len(left) == 0 {
		return nil
	}
	if cfg, err = cfg.checked(); err != nil {
		return err
	}
	cl, err := cfg.client(kgo.ConsumePartitions(from), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	if err != nil {
		return err
	}
	defer cl.Close()
	for len(left) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return fmt.Errorf("read the ends of topics: %w", unavailable(ctx, err))
		}
		for _, p := range fetches.Errors() {
			return fmt.Errorf("read the end of partition %d of %s: %w", p.Partition, p.Topic, p.Err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			at := place{r.Topic, r.Partition}
			p, reading := left[at]
			if reading && r.Offset < spans[p].to && !r.Attrs.IsControl() {
				found(p, r.Offset)
			}
			if reading && r.Offset+1 >= spans[p].to {
				delete(left, at)
			}
		})
	}
	return nil
}

// reading returns where to begin with what there still is of the spans, and their partitions.
func reading(spans map[projection.Partition]span, starts kadm.ListedOffsets) (map[string]map[int32]kgo.Offset, map[place]projection.Partition) {
	left := make(map[place]projection.Partition)
	from := make(map[string]map[int32]kgo.Offset)
	for p, s := range spans {
		if first, ok := starts.Lookup(p.Topic, p.Number); ok && first.Err == nil {
			s.from = max(s.from, first.Offset) // what was before is deleted
		}
		if s.from >= s.to {
			continue
		}
		if from[p.Topic] == nil {
			from[p.Topic] = make(map[int32]kgo.Offset)
		}
		from[p.Topic][p.Number] = kgo.NewOffset().At(s.from)
		left[place{p.Topic, p.Number}] = p
	}
	return from, left
}
