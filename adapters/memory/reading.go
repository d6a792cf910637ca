package memory

import (
	"context"
	"fmt"
	"slices"

	"github.com/tenon-go/tenon/application/deadletter"
	"github.com/tenon-go/tenon/application/eventlog"
	"github.com/tenon-go/tenon/application/projection"
	"github.com/tenon-go/tenon/application/reading"
	"github.com/tenon-go/tenon/domain"
)

// Progress tells how far projections are. Safe for concurrent use.
type Progress struct {
	log         *Log
	checkpoints *Checkpoints
	letters     *DeadLetters
}

var _ reading.Progress = Progress{}

// NewProgress returns what tells it from the projections' checkpoints and dead letters.
func NewProgress(log *Log, checkpoints *Checkpoints, letters *DeadLetters) Progress {
	return Progress{log: log, checkpoints: checkpoints, letters: letters}
}

// Reading implements reading.Progress: no transaction reads what is committed.
func (Progress) Reading() eventlog.Tx { return nil }

// Outstanding implements reading.Progress.
func (p Progress) Outstanding(ctx context.Context, of *projection.Projection, heads []eventlog.Head) ([]reading.Outstanding, error) {
	actions, err := p.letters.Actions(ctx, int(^uint(0)>>1))
	if err != nil {
		return nil, err
	}
	all := make([]reading.Outstanding, len(heads))
	for i, h := range heads {
		if all[i].Needed, err = p.needed(ctx, of, h, actions); err != nil {
			return nil, err
		}
		if all[i].Applied, _, err = p.checkpoints.applied.Get(ctx, nil, appliedKey(of.Name, of.Version, h.Type, h.ID)); err != nil {
			return nil, err
		}
		keys, err := p.letters.Keys(ctx, deadletter.Filter{Projection: of.Name, Version: of.Version, AggregateType: h.Type, AggregateID: h.ID})
		if err != nil {
			return nil, err
		}
		all[i].Parked, all[i].Version = len(keys) > 0, of.Version
	}
	return all, nil
}

func (p Progress) needed(ctx context.Context, of *projection.Projection, h eventlog.Head, actions []deadletter.Action) (domain.Version, error) {
	var needed domain.Version
	for r, err := range p.log.Stream(ctx, nil, h.Type, h.ID, 0) {
		if err != nil {
			return 0, err
		}
		discarded := slices.ContainsFunc(actions, func(a deadletter.Action) bool {
			return a.Kind == deadletter.Discarded && a.EventID == r.ID && a.Key.Projection == of.Name && a.Key.Version == of.Version
		})
		if r.Version <= h.Version && slices.Contains(of.Types, r.Type) && slices.Contains(of.Topics, r.Topic) && !discarded {
			needed = r.Version
		}
	}
	return needed, nil
}

func appliedKey(name string, version int, aggregateType, id string) string {
	return fmt.Sprintf("%q/%d/%q/%q", name, version, aggregateType, id)
}
