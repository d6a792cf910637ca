package kafka

import (
	"context"
	"fmt"

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
	few := make(map[string]map[int32]kgo.Offset)
	left := make(map[place]int64) // where a partition that is read ends
	for p, end := range ends {
		switch n := end - next[p]; {
		case n <= 0:
		case n > fewBehind:
			all += n
		default:
			if few[p.Topic] == nil {
				few[p.Topic] = make(map[int32]kgo.Offset)
			}
			few[p.Topic][p.Number] = kgo.NewOffset().At(next[p])
			left[place{p.Topic, p.Number}] = end
		}
	}
	if len(few) == 0 {
		return all, nil
	}
	if cfg, err = cfg.checked(); err != nil {
		return 0, err
	}
	cl, err := cfg.client(kgo.ConsumePartitions(few), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	if err != nil {
		return 0, err
	}
	defer cl.Close()
	for len(left) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return 0, fmt.Errorf("read what is behind: %w", unavailable(ctx, err))
		}
		for _, p := range fetches.Errors() {
			return 0, fmt.Errorf("read what is behind in partition %d of %s: %w", p.Partition, p.Topic, p.Err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			at := place{r.Topic, r.Partition}
			end, reading := left[at]
			if reading && r.Offset < end && !r.Attrs.IsControl() {
				all++
			}
			if reading && r.Offset+1 >= end {
				delete(left, at)
			}
		})
	}
	return all, nil
}
